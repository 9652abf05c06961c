import { describe, expect, it } from 'vitest';

import { plain } from './plain.ts';

describe('plain', () => {
  it('passes the very bytes of the data on', () => {
    const data = Buffer.from('{"n":12345678901234567890, "s":"\\u0000"}\n');
    const event = { id: 'e', type: 't', projectId: 'p', subject: undefined, timeMs: undefined, recordTimeMs: 0, data };
    expect(plain.buildBody(event, {})).toEqual({ ok: true, body: data });
    expect(plain.buildBody({ ...event, data: Buffer.alloc(0) }, {})).toEqual({ ok: false, reason: 'profile:data' });
  });

  it('has no options but the user agent, and no use for signing secrets', () => {
    expect(plain.checkOptions({ userAgent: 'Acme/1' })).toEqual([]);
    expect(plain.checkOptions({ payload: 'data' })).toHaveLength(1);
    expect(plain.checkSecrets([{ id: 'a', purpose: 'auth', value: Buffer.from('x') }])).toEqual([]);
    expect(plain.checkSecrets([{ id: 'a', purpose: 'auth', value: Buffer.from('two\nlines') }])).toEqual([
      'secret "a" must be printable ASCII, not empty, without spaces at the ends',
    ]);
    expect(plain.checkSecrets([{ id: 's', purpose: 'signing', value: Buffer.from('x') }])).toHaveLength(1);
  });
});
