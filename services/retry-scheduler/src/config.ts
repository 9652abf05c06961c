// Configuration of the retry scheduler; the tiers are everybody's.

import { defineRows } from '@postrider/runtime';
import { z } from 'zod';

export const retrySchedulerRows = defineRows({
  'retry.windowBytes': {
    schema: z.number().int().min(8_388_608).max(68_719_476_736),
    default: 268_435_456,
    doc: 'Bytes of waiting records that a retry scheduler holds at most, over all its partitions of all tiers: half in even parts, half for whichever needs more; one fetch of each partition may come on top',
  },
});
