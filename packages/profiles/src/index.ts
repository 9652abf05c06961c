// Signing schemes: what a receiver sees, byte for byte.

export { buildRequest, type BuiltRequest } from './build-request.ts';
export { checkAuthHeader, checkCustomHeaders } from './header-rules.ts';
export type {
  BuildInput,
  BuiltBody,
  Profile,
  ProfileDefaults,
  ProfileEvent,
  ProfileOptions,
  Refusal,
  SecretValue,
  SignedParts,
} from './profile.ts';
export { profileNamed, profileNames } from './registry.ts';
