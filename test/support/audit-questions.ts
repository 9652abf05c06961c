// The questions that the audit must answer at once, each asked with other values every time.

import type { AuditReads } from '@postrider/postgres';
import { generated, type GeneratedAudit } from './audit-generator.ts';

export interface Question {
  readonly name: string;
  /** @returns how many things were found */
  ask(reads: AuditReads, random: () => number): Promise<number>;
}

const dayMs = 24 * 60 * 60_000;
const page = 50;

export function auditQuestions(audit: GeneratedAudit): Question[] {
  const events = generated.events(audit);
  const pick = (random: () => number, count: number): number => Math.floor(random() * count);
  const endpointOf = (random: () => number): string =>
    generated.endpoint(pick(random, audit.projects), pick(random, audit.endpoints));
  const moment = (random: () => number): Date => new Date(audit.endMs - Math.floor(random() * audit.days * dayMs));
  const attempts = async (reads: AuditReads, query: Parameters<AuditReads['findAttempts']>[0]): Promise<number> =>
    (await reads.findAttempts({ limit: page, ...query })).attempts.length;
  const deliveries = async (reads: AuditReads, query: Parameters<AuditReads['findDeliveries']>[0]): Promise<number> =>
    (await reads.findDeliveries({ limit: page, ...query })).deliveries.length;
  const someDispatch = async (reads: AuditReads, random: () => number): Promise<string> =>
    (await reads.findDeliveries({ id: generated.event(pick(random, events)) })).deliveries[0]!.dispatch;
  const dispatches: string[] = [];

  return [
    {
      name: 'by dispatch: the whole story',
      ask: async (reads, random) => {
        // Finding one is not the question: what was found before is asked again.
        if (dispatches.length < 50) dispatches.push(await someDispatch(reads, random));
        return (await reads.deliveryStory(dispatches[pick(random, dispatches.length)]!)).length;
      },
    },
    { name: 'by event id', ask: (reads, random) => deliveries(reads, { id: generated.event(pick(random, events)) }) },
    {
      name: 'by subject',
      ask: (reads, random) => deliveries(reads, { subject: generated.subject(pick(random, events)) }),
    },
    {
      name: 'by topic/partition/offset',
      ask: (reads, random) => {
        const number = pick(random, events);
        return deliveries(reads, { id: `${audit.environment}.events/${number % 4}/${Math.floor(number / 4)}` });
      },
    },
    {
      name: 'endpoint and time',
      ask: (reads, random) => attempts(reads, { endpoint: endpointOf(random), to: moment(random) }),
    },
    { name: 'endpoint, the newest', ask: (reads, random) => attempts(reads, { endpoint: endpointOf(random) }) },
    {
      name: 'status and time: ERROR',
      ask: (reads, random) => attempts(reads, { statuses: ['ERROR'], to: moment(random) }),
    },
    {
      name: 'status and time: SUCCESS',
      ask: (reads, random) => attempts(reads, { statuses: ['SUCCESS'], to: moment(random) }),
    },
    {
      name: 'time alone',
      ask: (reads, random) => {
        const to = moment(random);
        return attempts(reads, { from: new Date(to.getTime() - dayMs / 24), to });
      },
    },
    {
      name: 'URL part within a project: one endpoint',
      ask: (reads, random) => {
        const project = pick(random, audit.projects);
        const urlPart = `customer-${project}-${pick(random, audit.endpoints)}.`;
        return deliveries(reads, { project: generated.project(project), urlPart, to: moment(random) });
      },
    },
    {
      name: 'URL part within a project: all endpoints',
      ask: (reads, random) =>
        deliveries(reads, {
          project: generated.project(pick(random, audit.projects)),
          urlPart: '.example/V1/',
          to: moment(random),
        }),
    },
    {
      name: 'a later page: endpoint',
      ask: async (reads, random) => {
        const endpoint = endpointOf(random);
        const { next } = await reads.findAttempts({ endpoint, limit: page, to: moment(random) });
        return next === undefined ? 0 : attempts(reads, { endpoint, after: next });
      },
    },
  ];
}
