// Signing schemes: what a receiver sees, byte for byte.

export { buildRequest } from './build-request.ts';
export { checkAuthHeader, checkCustomHeaders } from './header-rules.ts';
export type { Profile, SecretValue } from './profile.ts';
export { profileNamed, profileNames } from './registry.ts';
export { signRequest } from './sign-request.ts';
