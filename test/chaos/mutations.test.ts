// Each mutation still finds its place in today's source; that the checker finds each is `npm run test:mutations`.

import { describe, expect, test } from 'vitest';
import { applySourceEdit, sourceOf } from '../support/source-edits.ts';
import { editsOf, mutations } from './mutations.ts';

describe.each(mutations)('$name', (mutation) => {
  test.each(editsOf(mutation))('finds its place once in $file', (edit) => {
    const source = sourceOf(edit);
    expect(applySourceEdit(source, edit)).not.toBe(source);
  });
});
