// A secret in the form that each profile's customers are given.

import { randomBytes } from 'node:crypto';

export interface SampleSecret {
  /** Of envoy and pomelo it travels in a header, so that the receiver knows which key is meant. */
  readonly id: string;
  readonly purpose: 'signing' | 'encryption' | 'auth';
  readonly value: string;
}

export function makeSecret(profile: string, endpointId: string): SampleSecret {
  const id = `${endpointId}-1`;
  switch (profile) {
    case 'standard-webhooks':
      return { id, purpose: 'signing', value: `whsec_${randomBytes(32).toString('base64')}` };
    case 'argos':
      return { id, purpose: 'encryption', value: randomBytes(24).toString('base64url') };
    case 'pomelo':
      return { id: 'pk_demo', purpose: 'signing', value: randomBytes(32).toString('base64') };
    case 'envoy':
      return { id: '01JT4B3R5Z6AHJXV87QHPPKRBM', purpose: 'signing', value: randomBytes(32).toString('hex') };
    case 'plain':
      return { id, purpose: 'auth', value: randomBytes(24).toString('base64url') };
    default:
      return { id, purpose: 'signing', value: randomBytes(24).toString('base64url') };
  }
}
