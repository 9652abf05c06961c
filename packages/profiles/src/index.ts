// Signing schemes: what a receiver sees, byte for byte.

export { buildRequest, type BuiltRequest } from './build-request.ts';
export { checkReply } from './envoy-reply.ts';
export { checkAuthHeader, checkCustomHeaders } from './header-rules.ts';
export type {
  BuildInput,
  BuiltBody,
  Profile,
  ProfileDefaults,
  ProfileEvent,
  ProfileOptions,
  Refusal,
  SecretFacts,
  SecretValue,
  SignedParts,
} from './profile.ts';
export { profileNamed, profileNames } from './registry.ts';
export type { CheckedReply, ReplyInput, ReplyResponse, ReplyRule, ReplyVerdict } from './reply-rule.ts';
export { signRequest, type SignedRequest, type SignRequestInput } from './sign-request.ts';
