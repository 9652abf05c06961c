// Configuration of dispatch.

import { defineRows } from '@postrider/runtime';
import { z } from 'zod';

export const dispatchRows = defineRows({
  'dispatch.windowRecords': {
    schema: z.number().int().min(10).max(100_000),
    default: 2_000,
    doc: 'Records of one partition that may be unfinished at once; fetching stops when the window is full',
  },
  'dispatch.windowBytes': {
    schema: z.number().int().min(8_388_608).max(68_719_476_736),
    default: 268_435_456,
    doc: 'Bytes of unfinished records that the process holds at most, over all its partitions: half in even parts, half for whichever needs more; one fetch of each partition may come on top',
  },
  'dispatch.endpointQueue': {
    schema: z.number().int().min(1).max(100_000),
    default: 1_000,
    doc: 'First attempts of one slow endpoint that may wait, at most a quarter of the window, and half as many late ones; more go to a retry tier and come back',
  },
});
