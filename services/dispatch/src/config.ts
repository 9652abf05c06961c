// Configuration of dispatch.

import { defineRows } from '@postrider/runtime';
import { z } from 'zod';

export const dispatchRows = defineRows({
  'dispatch.windowRecords': {
    schema: z.number().int().min(10).max(100_000),
    default: 2_000,
    doc: 'Records of one partition that may be unfinished at once; fetching stops when the window is full',
  },
  'dispatch.endpointQueue': {
    schema: z.number().int().min(1).max(100_000),
    default: 1_000,
    doc: 'First attempts of one slow endpoint that may wait, at most a quarter of the window, and half as many late ones; more go to a retry tier and come back',
  },
});
