// All profiles by name.

import { plain } from './plain.ts';
import type { Profile } from './profile.ts';
import { standardWebhooks } from './standard-webhooks.ts';

const profiles: ReadonlyMap<string, Profile> = new Map([plain, standardWebhooks].map((p) => [p.name, p]));

export const profileNames: readonly string[] = [...profiles.keys()];

export function profileNamed(name: string): Profile | undefined {
  return profiles.get(name);
}
