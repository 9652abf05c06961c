// Configuration of convergence.

import { defineRows } from '@postrider/runtime';
import { z } from 'zod';

const pointer = z.string().regex(/^(\/.*)?$/, 'a JSON pointer: empty or beginning with /');

export const convergenceRows = defineRows({
  'convergence.eventTopics': {
    schema: z.array(z.string().min(1)).max(100),
    default: [],
    doc: 'Upstream topics to read, separated by commas; empty = `<environment>.events`',
  },
  'convergence.mappings': {
    schema: z.array(
      z.strictObject({
        topic: z.string().min(1),
        id: pointer,
        type: pointer,
        project: pointer,
        subject: pointer.optional(),
        time: pointer.optional(),
        data: pointer.optional(),
      }),
    ),
    default: [],
    doc: 'Plain JSON topics: JSON pointers to id, type, project, subject, time and data of a record (configuration file only)',
  },
});
