/**
 * The rules of the house that types and lint can't see: which way imports point, that the core has no ambient input,
 * that nothing unfinished stays. A checker of one file's text; `tests/tidy.test.ts` runs it over the tree.
 */
import { isBuiltin } from "node:module"
import ts from "typescript"

export interface Breach {
  /** From the root of the project, with `/`. */
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly reason: string
}

/** The core's folders from the bottom up: each may import those below it and itself. Equal ranks don't know each other. */
const CORE_RANKS: ReadonlyMap<string, number> = new Map([
  ["base", 0],
  ["bencode", 1],
  ["metainfo", 2],
  ["wire", 3],
  ["tracker", 4],
  ["dht", 4],
  ["lsd", 4],
  ["torrent", 5],
  ["client", 6],
  ["sim", 7],
])
/** The core's own index file: for the shell, never for the core itself. */
const CORE_INDEX_RANK = 8

/** What a folder at the top may import of its own kind. */
const REACH: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["core", new Set(["core"])],
  ["shell", new Set(["shell", "core"])],
  ["cli", new Set(["cli", "shell", "core"])],
])

/** Tables of tests may be longer than that. */
const MAX_LINES = 400

/** Barrels load a whole package where one module is wanted; see "Style" in CONTRIBUTING.md. */
const BARRELS = new Set(["effect", "@effect/platform", "@effect/platform-node", "@effect/cli"])

/**
 * The globals that the core may use: values and pure functions, and types of the language's own library. Everything else
 * that a file doesn't declare or import is ambient, and so is not for the core.
 */
const CORE_GLOBALS = new Set([
  ...[
    "undefined",
    "NaN",
    "Infinity",
    "Object",
    "Array",
    "Map",
    "Set",
    "WeakMap",
    "WeakSet",
    "Symbol",
    "JSON",
    "RegExp",
  ],
  ...["Math", "Number", "BigInt", "String", "Boolean", "Error", "RangeError", "TypeError"],
  ...[
    "ArrayBuffer",
    "DataView",
    "Uint8Array",
    "Uint16Array",
    "Uint32Array",
    "Int8Array",
    "Int16Array",
    "Int32Array",
  ],
  ...["Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array", "Uint8ClampedArray"],
  ...["encodeURIComponent", "decodeURIComponent"],
  // Types
  ...[
    "ReadonlyArray",
    "ReadonlyMap",
    "ReadonlySet",
    "ArrayLike",
    "ArrayBufferLike",
    "ArrayBufferView",
    "PropertyKey",
  ],
  ...[
    "Iterable",
    "Iterator",
    "IterableIterator",
    "Generator",
    "IteratorObject",
    "RegExpExecArray",
    "RegExpMatchArray",
  ],
  ...[
    "Record",
    "Partial",
    "Required",
    "Readonly",
    "Pick",
    "Omit",
    "Extract",
    "Exclude",
    "NonNullable",
    "NoInfer",
  ],
  ...["ReturnType", "Parameters", "InstanceType", "const"],
])

/** Members of allowed globals that read the machine's locale, or chance. */
const CORE_MEMBERS: ReadonlySet<string> = new Set([
  "localeCompare",
  "toLocaleString",
  "toLocaleLowerCase",
  "toLocaleUpperCase",
])

const UNFINISHED = /\b(?:TODO|FIXME)\b/
const MACHINE_PATH = /(?:^|[\s"'`(=:,]|file:\/\/)(?:\/(?:home|Users|root|work)\/|[A-Za-z]:\\{1,2}Users\\)/

/** Every breach in a file's text; `file` is its path from the root of the project, with `/`. */
export const check = (file: string, text: string): ReadonlyArray<Breach> => {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true)
  const breaches: Array<Breach> = []
  const report: Report = (at, reason) => {
    breaches.push({ file, line: source.getLineAndCharacterOfPosition(at).line + 1, reason })
  }
  const inCore = file.startsWith("core/")
  checkText(source, report)
  walk(source, (node) => {
    checkImport(file, node, report)
    checkTestCall(node, report)
    if (inCore) checkPurity(node, source, report)
  })
  if (inCore) checkGlobals(source, report)
  return breaches.sort((a, b) => a.line - b.line)
}

export const format = ({ file, line, reason }: Breach): string => `${file}:${line}: ${reason}`

type Report = (at: number, reason: string) => void

const walk = (node: ts.Node, visit: (node: ts.Node) => void): void => {
  visit(node)
  node.forEachChild((child) => walk(child, visit))
}

const checkText = (source: ts.SourceFile, report: Report): void => {
  const lines = source.text.split("\n")
  // The last line break ends a line, it doesn't begin one.
  const count = lines.at(-1) === "" ? lines.length - 1 : lines.length
  if (count > MAX_LINES && !source.fileName.startsWith("tests/")) {
    const beyond = lines.slice(0, MAX_LINES).join("\n").length + 1
    report(beyond, `${count} lines: over ${MAX_LINES}, one file has one idea`)
  }
  for (const comment of comments(source)) {
    const text = source.text.slice(comment.pos, comment.end)
    const unfinished = UNFINISHED.exec(text)
    if (unfinished) {
      report(comment.pos + unfinished.index, `${unfinished[0]} left over: do it or leave it out`)
    }
  }
  let at = 0
  for (const line of lines) {
    if (MACHINE_PATH.test(line)) report(at, "a path of one machine: others don't have it")
    at += line.length + 1
  }
}

/** Every comment, once: they stand before tokens, or behind them on the same line. */
const comments = (source: ts.SourceFile): ReadonlyArray<ts.CommentRange> => {
  const found = new Map<number, ts.CommentRange>()
  const add = (ranges: ReadonlyArray<ts.CommentRange> | undefined): void =>
    ranges?.forEach((range) => found.set(range.pos, range))
  const tokens = (node: ts.Node): void => {
    const children = node.getChildren(source)
    if (children.length > 0) return children.forEach(tokens)
    add(ts.getLeadingCommentRanges(source.text, node.pos))
    add(ts.getTrailingCommentRanges(source.text, node.end))
  }
  tokens(source)
  return [...found.values()]
}

/** What is imported by this node, also as a type, for re-export or at run time. */
const specifierOf = (node: ts.Node): ts.StringLiteralLike | undefined => {
  let specifier: ts.Node | undefined
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) specifier = node.moduleSpecifier
  else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    specifier = node.arguments[0]
  } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    specifier = node.argument.literal
  }
  return specifier !== undefined && ts.isStringLiteralLike(specifier) ? specifier : undefined
}

const checkImport = (file: string, node: ts.Node, report: Report): void => {
  const specifier = specifierOf(node)
  if (specifier === undefined) return
  const name = specifier.text
  const at = specifier.getStart()
  if (name.startsWith(".")) {
    if (!/\.(?:ts|mts|js|mjs|json)$/.test(name)) report(at, `"${name}" has no extension`)
    const wrong = wrongWay(file, resolve(file, name))
    if (wrong !== undefined) report(at, wrong)
    return
  }
  if (file.startsWith("core/")) return report(at, `core/ imports "${name}": it has no dependencies`)
  if ((name.startsWith("node:") || isBuiltin(name)) && !mayImportNode(file)) {
    report(at, `"${name}" outside shell/node/: use a port of the shell`)
  }
  if (BARRELS.has(name) && !file.startsWith("tests/")) {
    report(at, `the barrel "${name}": import the module, as "${name}/Name"`)
  }
}

const mayImportNode = (file: string): boolean =>
  file.startsWith("shell/node/") || file.startsWith("tests/") ||
  /^cli\/(?:build|compile|launch)\.mjs$/.test(file)

/** Why `file` may not import `target`; `undefined` if it may. */
const wrongWay = (file: string, target: string): string | undefined => {
  const [from = "", folder = ""] = file.split("/")
  const [to = "", targetFolder = ""] = target.split("/")
  const reach = REACH.get(from)
  // The version is nobody's code.
  if (reach === undefined || (target === "package.json" && from !== "core")) return undefined
  if (!reach.has(to)) return `${from}/ imports ${to}/: imports point cli → shell → core`
  if (from !== "core" || folder === targetFolder) return undefined
  const rank = rankOf(folder)
  const targetRank = rankOf(targetFolder)
  if (rank === undefined || targetRank === undefined) {
    return `core/${
      rank === undefined ? folder : targetFolder
    } has no place in the order of the core's folders`
  }
  if (targetRank < rank) return undefined
  return `core/${folder} imports core/${targetFolder}: ${
    targetRank === rank ? "the two don't know each other" : "that stands above it"
  }`
}

const rankOf = (folder: string): number | undefined =>
  folder === "index.ts" ? CORE_INDEX_RANK : CORE_RANKS.get(folder)

/** Where a relative specifier leads, from the root of the project. */
const resolve = (file: string, specifier: string): string => {
  const path = file.split("/").slice(0, -1)
  for (const part of specifier.split("/")) {
    if (part === "..") path.pop()
    else if (part !== ".") path.push(part)
  }
  return path.join("/")
}

const TEST_FUNCTIONS = new Set(["it", "test", "describe", "suite", "bench"])
const LEFT_OVER = new Set(["only", "skip", "todo"])

/** `it.only(`, `describe.skip.each(` and the like; a test that says at run time why it can't run is none of these. */
const checkTestCall = (node: ts.Node, report: Report): void => {
  if (!ts.isPropertyAccessExpression(node) || !LEFT_OVER.has(node.name.text)) return
  let root: ts.Expression = node.expression
  while (ts.isPropertyAccessExpression(root) || ts.isCallExpression(root)) root = root.expression
  if (ts.isIdentifier(root) && TEST_FUNCTIONS.has(root.text)) {
    report(node.name.getStart(), `${root.text}.${node.name.text} left over`)
  }
}

/** What needs no name to be ambient. */
const checkPurity = (node: ts.Node, source: ts.SourceFile, report: Report): void => {
  const at = node.getStart(source)
  if (node.kind === ts.SyntaxKind.DeclareKeyword) {
    report(at, "declare in core/: what it names would be ambient")
  }
  if (node.kind === ts.SyntaxKind.AsyncKeyword) report(at, "async in core/: it is synchronous")
  if (ts.isAwaitExpression(node)) report(at, "await in core/: it is synchronous")
  if (ts.isForOfStatement(node) && node.awaitModifier !== undefined) {
    report(at, "for await in core/: it is synchronous")
  }
  if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) {
    report(at, "import.meta in core/")
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    report(at, "import() in core/: it is synchronous")
  }
  const [object, member] = ts.isPropertyAccessExpression(node)
    ? [node.expression, node.name.text]
    : ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression)
    ? [node.expression, node.argumentExpression.text]
    : []
  if (object === undefined || member === undefined) return
  if (CORE_MEMBERS.has(member)) report(at, `${member} in core/: it depends on the machine's locale`)
  if (member === "random" && object.getText(source) === "Math") {
    report(at, "Math.random in core/: chance comes from an Rng in the state")
  }
}

/** Names that the file neither declares nor imports, so that they are the world's. */
const checkGlobals = (source: ts.SourceFile, report: Report): void => {
  for (
    const reference of [
      ...source.referencedFiles,
      ...source.libReferenceDirectives,
      ...source.typeReferenceDirectives,
    ]
  ) {
    report(reference.pos, `core/ refers to "${reference.fileName}": it has the language's own library alone`)
  }
  const checker = programOf(source).getTypeChecker()
  walk(source, (node) => {
    if (!ts.isIdentifier(node) || isMemberName(node)) return
    const symbol = ts.isShorthandPropertyAssignment(node.parent)
      ? checker.getShorthandAssignmentValueSymbol(node.parent)
      : checker.getSymbolAtLocation(node)
    if ((symbol?.declarations?.length ?? 0) > 0 || CORE_GLOBALS.has(node.text)) return
    report(node.getStart(source), `core/ uses the ambient ${node.text}: all input comes as an argument`)
  })
}

/** A program of this file alone, without any library: what doesn't resolve in it is global. */
const programOf = (source: ts.SourceFile): ts.Program => {
  const options: ts.CompilerOptions = {
    noLib: true,
    noResolve: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    allowImportingTsExtensions: true,
  }
  return ts.createProgram([source.fileName], options, {
    getSourceFile: (name) => name === source.fileName ? source : undefined,
    getDefaultLibFileName: () => "",
    writeFile: () => {},
    getCurrentDirectory: () => "",
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => "\n",
    fileExists: (name) => name === source.fileName,
    readFile: () => undefined,
  })
}

/** The name after a dot, a key, a label, or one in an import or export list: none of these is looked up in the world. */
const isMemberName = (node: ts.Identifier): boolean => {
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node
  if (ts.isQualifiedName(parent)) return parent.right === node
  if (ts.isBindingElement(parent)) return parent.propertyName === node
  if (ts.isImportSpecifier(parent) || ts.isMetaProperty(parent) || ts.isNamedTupleMember(parent)) return true
  if (ts.isExportSpecifier(parent)) return (parent.propertyName ?? parent.name) !== node
  if (ts.isBreakOrContinueStatement(parent) || ts.isLabeledStatement(parent)) return true
  return (ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodSignature(parent) || ts.isMethodDeclaration(parent) || ts.isEnumMember(parent)) &&
    parent.name === node
}
