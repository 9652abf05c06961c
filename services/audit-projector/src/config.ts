// Configuration of the audit projector.

import { appendRowsMax } from '@postrider/postgres';
import { defineRows } from '@postrider/runtime';
import { z } from 'zod';

export const projectorRows = defineRows({
  'projector.batchRecords': {
    schema: z.number().int().min(1).max(appendRowsMax),
    default: appendRowsMax,
    doc: 'Audit records in one transaction at most; an idle projector writes each at once',
  },
  'projector.connections': {
    schema: z.number().int().min(1).max(100),
    default: 4,
    doc: 'Connections to PostgreSQL, and so transactions at once',
  },
  'projector.bufferBytes': {
    schema: z.number().int().min(1_048_576).max(4_294_967_296),
    default: 67_108_864,
    unit: 'bytes',
    doc: 'Audit records held in memory while PostgreSQL is slow or away; beyond it fetching stops',
  },
});
