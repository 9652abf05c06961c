// What one source file imports, exports, defines and calls, by a real parser: a regular expression would take a comment
// or a string for an import and miss one that is written over three lines.
import { parseSync, Visitor, type Node } from 'oxc-parser';
import { lineAt, type SourceFile } from './source-tree.ts';

/** One import or re-export; `specifier` is null when it is computed at run time. */
export interface ImportFact {
  readonly specifier: string | null;
  readonly line: number;
}

/** A name used where only the host can define it, as it is written: `console.log`, `new Date()`, `fetch()`. */
export interface UseFact {
  readonly what: string;
  readonly line: number;
}

export interface ModuleFacts {
  readonly imports: readonly ImportFact[];
  readonly exportStars: readonly number[];
  /** True when the file holds imports and re-exports only. */
  readonly isBarrel: boolean;
  /** Text of the comment that opens the file, '' when there is none. */
  readonly openingComment: string;
  /** Functions, classes, constants and types at the top level, and methods of classes. */
  readonly defined: ReadonlySet<string>;
  /** `object.property` of plain identifiers, `new Name()` without arguments, and calls of bare names `name()`. */
  readonly uses: readonly UseFact[];
  /** Calls of a test function with its modifiers and options (`it.only`); `reason`: a comment on the line or just above. */
  readonly testCalls: readonly { readonly name: string; readonly line: number; readonly reason: boolean }[];
}

const cache = new WeakMap<SourceFile, ModuleFacts>();

/** Parses a file once. Throws when it does not parse: a file that cannot be read must not pass as clean. */
export function factsOf(file: SourceFile): ModuleFacts {
  const known = cache.get(file);
  if (known !== undefined) return known;
  const facts = parse(file);
  cache.set(file, facts);
  return facts;
}

function parse(file: SourceFile): ModuleFacts {
  const { program, module, comments, errors } = parseSync(file.path, file.text);
  if (errors[0] !== undefined) throw new Error(`${file.path} does not parse: ${errors[0].message}`);
  const at = (offset: number): number => lineAt(file.text, offset);

  const imports: ImportFact[] = [];
  const uses: UseFact[] = [];
  const defined = new Set<string>();
  const testCalls: { name: string; line: number; reason: boolean }[] = [];
  const commentLines = new Set(
    comments.flatMap((comment) => [at(comment.start), at(comment.end), at(comment.end) + 1]),
  );

  for (const statement of module.staticImports) {
    imports.push({ specifier: statement.moduleRequest.value, line: at(statement.start) });
  }
  for (const statement of module.staticExports) {
    const source = statement.entries[0]?.moduleRequest?.value;
    if (source !== undefined) imports.push({ specifier: source, line: at(statement.start) });
  }

  new Visitor({
    ImportExpression: (node) => imports.push({ specifier: stringOf(node.source), line: at(node.start) }),
    TSImportType: (node) => imports.push({ specifier: node.source.value, line: at(node.start) }),
    TSExternalModuleReference: (node) => imports.push({ specifier: node.expression.value, line: at(node.start) }),
    MemberExpression: (node) => {
      if (node.object.type === 'Identifier' && node.property.type === 'Identifier' && !node.computed) {
        uses.push({ what: `${node.object.name}.${node.property.name}`, line: at(node.start) });
      }
    },
    NewExpression: (node) => {
      if (node.callee.type === 'Identifier' && node.arguments.length === 0) {
        uses.push({ what: `new ${node.callee.name}()`, line: at(node.start) });
      }
    },
    CallExpression: (node) => {
      if (node.callee.type === 'Identifier') {
        uses.push({ what: `${node.callee.name}()`, line: at(node.start) });
        if (node.callee.name === 'require')
          imports.push({ specifier: stringOf(node.arguments[0]), line: at(node.start) });
      }
      const name = dotted(node.callee);
      if (name !== null && /^(?:it|test|describe|suite)\b/.test(name)) {
        const line = at(node.start);
        const modifiers = node.arguments.flatMap((argument) =>
          argument.type === 'ObjectExpression' ? keysOf(argument) : [],
        );
        testCalls.push({ name: [name, ...modifiers].join('.'), line, reason: commentLines.has(line) });
      }
    },
    VariableDeclarator: (node) => {
      // `const { now } = Date` takes the clock as surely as `Date.now` does.
      if (node.id.type !== 'ObjectPattern' || node.init?.type !== 'Identifier') return;
      for (const property of node.id.properties) {
        if (property.type === 'Property' && property.key.type === 'Identifier') {
          uses.push({ what: `${node.init.name}.${property.key.name}`, line: at(node.start) });
        }
      }
    },
    MethodDefinition: (node) => {
      if (node.key.type === 'Identifier') defined.add(node.key.name);
    },
  }).visit(program);

  for (const statement of program.body) for (const name of namesOf(statement)) defined.add(name);

  const isImport = (node: Node): boolean => node.type === 'ImportDeclaration';
  const isReexport = (node: Node): boolean =>
    node.type === 'ExportAllDeclaration' || (node.type === 'ExportNamedDeclaration' && node.declaration === null);
  const isBarrel = program.body.some(isReexport) && program.body.every((node) => isImport(node) || isReexport(node));

  return {
    imports,
    exportStars: program.body.filter((node) => node.type === 'ExportAllDeclaration').map((node) => at(node.start)),
    isBarrel,
    openingComment: openingComment(file.text, comments),
    defined,
    uses,
    testCalls,
  };
}

/** The comment or comments before the first token; a `#!` line may stand above. */
function openingComment(text: string, comments: readonly { value: string; start: number; end: number }[]): string {
  let position = text.startsWith('#!') ? text.indexOf('\n') : 0;
  const parts: string[] = [];
  for (const comment of comments) {
    if (text.startsWith('#!') && comment.start === 0) continue;
    if (text.slice(position, comment.start).trim() !== '') break;
    parts.push(comment.value);
    position = comment.end;
  }
  return parts.join('\n');
}

/** The value of a string literal or of a template without holes; null otherwise. */
function stringOf(node: Node | undefined): string | null {
  if (node?.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node?.type === 'TemplateLiteral' && node.expressions.length === 0) return node.quasis[0]?.value.cooked ?? null;
  return null;
}

/** `it.skip.each` for the expression that reads so; null for any other. */
function dotted(node: Node): string | null {
  if (node.type === 'Identifier') return node.name;
  if (node.type !== 'MemberExpression' || node.property.type !== 'Identifier') return null;
  const left = dotted(node.object);
  return left === null ? null : `${left}.${node.property.name}`;
}

/** The plain keys of an object literal: `{ skip: true }` as the second argument skips like `it.skip`. */
function keysOf(node: Node & { type: 'ObjectExpression' }): string[] {
  return node.properties.flatMap((property) =>
    property.type === 'Property' && property.key.type === 'Identifier' ? [property.key.name] : [],
  );
}

/** The names that a statement at the top level defines. */
function namesOf(node: Node): string[] {
  if (node.type === 'ExportNamedDeclaration') return node.declaration === null ? [] : namesOf(node.declaration);
  if (node.type === 'ExportDefaultDeclaration') return namesOf(node.declaration);
  if (node.type === 'FunctionDeclaration' || node.type === 'ClassDeclaration')
    return node.id === null ? [] : [node.id.name];
  if (node.type === 'TSInterfaceDeclaration' || node.type === 'TSTypeAliasDeclaration') return [node.id.name];
  if (node.type !== 'VariableDeclaration') return [];
  return node.declarations.flatMap(({ id }) => (id.type === 'Identifier' ? [id.name] : []));
}
