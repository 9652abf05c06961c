// Signing schemes: what a receiver sees, byte for byte.

export { buildRequest } from './build-request.ts';
export { checkAuthHeader, checkCustomHeaders } from './header-rules.ts';
export type { Profile, ProfileEvent, SecretFacts, SecretValue } from './profile.ts';
export { profileNamed, profileNames } from './registry.ts';
export type { ReplyRule, ReplyVerdict } from './reply-rule.ts';
export { signRequest } from './sign-request.ts';
export { readTrisaEnvironment } from './trisa-environment.ts';
export { withoutSecrets } from './without-secrets.ts';
