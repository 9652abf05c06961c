// What a customer imports to verify a webhook; standard library only.

export {
  verifyStandardWebhook,
  type StandardWebhookInput,
  type Verification,
  type VerificationFailure,
} from './standard-webhook.ts';
