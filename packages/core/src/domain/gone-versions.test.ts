import { describe, expect, it } from 'vitest';
import type { EndpointId } from './brand.ts';
import { GoneVersions } from './gone-versions.ts';

const endpointId = 'a' as EndpointId;
const at = (second: number): number => Date.UTC(2026, 0, 1) + second * 1_000;
const made = (version: number, second: number) => ({
  endpointId,
  version,
  updatedAt: new Date(at(second)).toISOString(),
});

describe('GoneVersions', () => {
  it('knows of a version what was noted, and nothing of a newer one', () => {
    const gone = new GoneVersions();
    expect(gone.sinceMs(made(1, 0))).toBeUndefined();
    gone.note({ endpointId, version: 1, atMs: at(5) });
    expect(gone.sinceMs(made(1, 0))).toBe(at(5));
    expect(gone.sinceMs(made(2, 3))).toBeUndefined();
  });

  it('takes marks in any order', () => {
    const gone = new GoneVersions();
    gone.note({ endpointId, version: 2, atMs: at(5) });
    gone.note({ endpointId, version: 2, atMs: at(4) });
    // A request to the version before, whose answer was read late.
    gone.note({ endpointId, version: 1, atMs: at(4) });
    expect(gone.sinceMs(made(2, 3))).toBe(at(5));
  });

  it('says nothing of an id that is used again, whatever version that begins with', () => {
    const gone = new GoneVersions();
    gone.note({ endpointId, version: 3, atMs: at(5) });
    expect(gone.sinceMs(made(1, 6))).toBeUndefined();
    gone.note({ endpointId, version: 1, atMs: at(7) });
    expect(gone.sinceMs(made(1, 6))).toBe(at(7));
  });

  it('holds a mark of a newer version against an older record, which somebody reads late', () => {
    const gone = new GoneVersions();
    gone.note({ endpointId, version: 3, atMs: at(5) });
    expect(gone.sinceMs(made(2, 0))).toBe(at(5));
  });
});
