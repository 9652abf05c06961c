// Calls that take a decision out of our hands (the clock, chance, the network, the terminal), each with what to use instead.
import { factsOf } from '../module-facts.ts';
import { isCode, isTest, type SourceFile, type Violation } from '../source-tree.ts';

interface Ban {
  readonly what: RegExp;
  readonly instead: string;
  /** Files that may use it all the same. */
  readonly except: RegExp;
}

const CLOCK_FILES = /^(?:packages\/runtime\/src\/clock\.ts|packages\/verify\/src\/clock\.ts|infra\/.*)$/;

const BANS: readonly Ban[] = [
  {
    what: /^(?:Date\.now|new Date\(\)|Date\(\))$/,
    instead: 'take `now: () => number` as an argument; packages/runtime/src/clock.ts makes the real one',
    except: CLOCK_FILES,
  },
  {
    what: /^Math\.random$/,
    instead: 'take `random: () => number` as an argument; packages/runtime/src/clock.ts makes the real one',
    except: CLOCK_FILES,
  },
  {
    what: /^console\.\w+$/,
    instead: 'log through @postrider/runtime; the command line prints through services/postrider/src/output.ts',
    except: /^(?:services\/postrider\/src\/output\.ts|infra\/.*)$/,
  },
  {
    what: /^(?:fetch\(\)|globalThis\.fetch)$/,
    instead: 'send through @postrider/http, where the deadline, the caps and the egress guard are',
    except: /^(?:packages\/http\/.*|infra\/.*)$/,
  },
];

export function bannedCalls(files: readonly SourceFile[]): Violation[] {
  return files
    .filter((file) => isCode(file) && !isTest(file) && file.path.includes('/'))
    .flatMap((file) =>
      factsOf(file).uses.flatMap(({ what, line }) =>
        BANS.filter((ban) => ban.what.test(what) && !ban.except.test(file.path)).map((ban) => ({
          path: file.path,
          line,
          message: `${what}: ${ban.instead}`,
        })),
      ),
    );
}
