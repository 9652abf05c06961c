// All profiles by name.

import { advance } from './advance.ts';
import { argos } from './argos.ts';
import { envoy } from './envoy.ts';
import { plain } from './plain.ts';
import { pomelo } from './pomelo.ts';
import type { Profile } from './profile.ts';
import { standardWebhooks } from './standard-webhooks.ts';

const profiles: ReadonlyMap<string, Profile> = new Map(
  [plain, standardWebhooks, argos, advance, pomelo, envoy].map((profile) => [profile.name, profile]),
);

export const profileNames: readonly string[] = [...profiles.keys()];

export function profileNamed(name: string): Profile | undefined {
  return profiles.get(name);
}
