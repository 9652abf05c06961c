// Configuration of the audit projector.

import { appendRowsMax } from '@postrider/postgres';
import { defineRows, durationMs } from '@postrider/runtime';
import { z } from 'zod';
import { classesMax, classProjectsMax } from './limits.ts';

const absolutePath = /^(\/|[A-Za-z]:[\\/])/;
const className = '[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?';
const classAge = new RegExp(`^${className}=\\S+$`);
const projectClass = new RegExp(`^(?:\\*|[A-Za-z0-9][A-Za-z0-9._:-]{0,127})=${className}$`);

export const projectorRows = defineRows({
  'projector.batchRecords': {
    schema: z.number().int().min(1).max(appendRowsMax),
    default: appendRowsMax,
    doc: 'Audit records in one transaction at most, of all partitions; an idle projector writes each at once',
  },
  'projector.bufferBytes': {
    schema: z.number().int().min(1_048_576).max(4_294_967_296),
    default: 67_108_864,
    unit: 'bytes',
    doc: 'Audit records held in memory while PostgreSQL is slow or away; beyond it fetching stops',
  },
  'audit.checkpointKey': {
    schema: z.string().regex(absolutePath, 'expected an absolute path').optional(),
    doc: 'File of the Ed25519 key that signs checkpoints of the audit, made by `postrider keys checkpoint create`; keep it off the database host',
  },
  'audit.checkpointIntervalMs': {
    schema: durationMs({ minMs: 100, maxMs: 86_400_000 }),
    default: '10s',
    doc: 'How often a partition of the audit that has moved gets a checkpoint',
  },
  'audit.checkpointFile': {
    schema: z.string().regex(absolutePath, 'expected an absolute path').optional(),
    doc: 'File that checkpoints are added to as well, one JSON line each; for a store that PostgreSQL and Kafka administrators cannot write',
  },
  'audit.classes': {
    schema: z.array(z.string().regex(classAge, 'expected class=age, such as trial=30d')).max(classesMax),
    default: [],
    doc: 'Classes of projects and how long their audit records are kept, each as class=age (trial=30d); older ones go by `postrider audit retain --class`',
  },
  'audit.projectClasses': {
    schema: z
      .array(z.string().regex(projectClass, 'expected project=class, or *=class for all others'))
      .max(classProjectsMax),
    default: [],
    doc: 'Which class a project is of, each as project=class; *=class is for all that are not named. Many of them stand in a file of their own',
  },
  'audit.unsignedInLive': {
    schema: z.boolean(),
    default: false,
    doc: 'Lets the environment live run without checkpoints: whoever can write to PostgreSQL could then rewrite the audit unseen',
  },
});
