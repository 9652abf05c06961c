// What the demonstration and tests use of the command line in-process.

export { applyEndpoints, type ApplyOptions, type EndpointPorts, type EndpointsResult } from './apply-endpoints.ts';
export { type CliIo } from './cli-io.ts';
export { runCli } from './cli.ts';
export { composeServices, openKafka, serviceWords, type ServiceParts, type ServiceWord } from './composition.ts';
export { type EndpointChange } from './endpoint-changes.ts';
export { type ExitCode } from './failure.ts';
export { type FileProblem } from './file-problem.ts';
export { type Sink } from './output.ts';
export { loadSettings, type PostriderConfig, type SettingsSources } from './settings.ts';
export { applyTopics, type TopicOutcome, type TopicPorts, type TopicState } from './topics.ts';
