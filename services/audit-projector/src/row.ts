// What the verification needs of the projection, without the service around it: a worker thread loads no Kafka for it.

export { auditRowOf } from './project.ts';
export { columnsAreSame } from './same-columns.ts';
