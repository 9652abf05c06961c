// The publisher: CloudEvents into Kafka, for the systems whose events Postrider delivers.

export { cloudEventRecord, type CloudEventRecord, type EventToPublish } from './event-to-publish.ts';
export { createPublisher, type Published, type Publisher, type PublisherOptions } from './publisher.ts';
export { PublisherError, type PublisherErrorCode } from './publisher-error.ts';
export { openRequestReply, type CallOptions, type RequestReply, type RequestReplyOptions } from './request-reply.ts';
