// What a customer imports to verify a webhook; standard library only.

export { verifyAdvance, type AdvanceInput } from './advance.ts';
export { verifyArgos, type ArgosEncryption, type ArgosInput } from './argos.ts';
export { signEnvoyReply, verifyEnvoy, type EnvoyInput } from './envoy.ts';
export { createNonceCache } from './nonce-cache.ts';
export { verifyPlain, type PlainInput } from './plain.ts';
export { verifyPomelo, type PomeloInput } from './pomelo.ts';
export { verifyStandardWebhook, type StandardWebhookInput } from './standard-webhook.ts';
export type { NonceCache, Refused, RequestHeaders, VerificationFailure, Verified } from './verification.ts';
export { verifyRequest, type RequestVerification, type VerifyRequestInput } from './verify-request.ts';
