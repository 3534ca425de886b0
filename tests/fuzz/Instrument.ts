/**
 * Makes TypeScript tell what it executes: every block of it counts, in place, so that an execution's coverage costs an
 * increment a block and no tool besides. What is allocated by a number is counted too, for no number of a stranger's may
 * decide how much memory is taken.
 *
 *      if (a) return b        ──▶  if (a) {$c[7]++;return b}
 *      a ? b : c              ──▶  a ? ($c[8]++,b) : ($c[9]++,c)
 *      new Uint8Array(n)      ──▶  new Uint8Array($n(n))
 *
 * V8's own block coverage was measured first: taking it costs a millisecond or more, a thousand times what most inputs
 * take to run. Lines stay as they are, so that a stack trace needs no other map than the one of the types' removal.
 */
import ts from "typescript"

export interface Instrumented {
  readonly text: string
  /** Line of each block, from 1; the first has number `first`. */
  readonly lines: ReadonlyArray<number>
  /** Texts that the file compares with or looks up: what an input may have to contain. */
  readonly words: ReadonlyArray<string>
}

/** What is allocated by its only argument, if that is a number. */
const BY_NUMBER = new Set([
  ...["Array", "ArrayBuffer", "Uint8Array", "Int8Array", "Uint16Array", "Int16Array", "Uint32Array"],
  ...["Int32Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array"],
])

/** Methods of texts that allocate by their first argument. */
const BY_FIRST = new Set(["repeat", "padStart", "padEnd"])

/** Counts blocks from number `first` on. */
export const instrument = (file: string, text: string, first: number): Instrumented => {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true)
  const edits: Array<Edit> = []
  const lines: Array<number> = []
  const words = new Set<string>()
  const count = (node: ts.Node): string => {
    lines.push(source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1)
    return `$c[${first + lines.length - 1}]++`
  }
  const insert = (at: number, what: string): void => {
    edits.push({ at, isClose: false, order: edits.length, what })
  }
  const wrap = (node: ts.Node, before: string, after: string): void => {
    const order = edits.length
    edits.push({ at: node.getStart(source), isClose: false, order, what: before })
    edits.push({ at: node.getEnd(), isClose: true, order, what: after })
  }
  const value = (node: ts.Expression): void => wrap(node, `(${count(node)},`, ")")
  const statement = (node: ts.Statement): void => {
    if (ts.isBlock(node)) insert(node.getStart(source) + 1, `${count(node)};`)
    else wrap(node, `{${count(node)};`, "}")
  }
  const visit = (node: ts.Node): void => {
    // Types have nothing to execute.
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return
    if (ts.isFunctionLike(node) && "body" in node && node.body !== undefined) {
      const body = node.body as ts.Block | ts.Expression
      if (!ts.isBlock(body)) value(body)
      else if (!ts.isConstructorDeclaration(node)) insert(body.getStart(source) + 1, `${count(body)};`)
    } else if (ts.isIfStatement(node)) {
      statement(node.thenStatement)
      // `else if` counts as its own `if` does.
      if (node.elseStatement !== undefined && !ts.isIfStatement(node.elseStatement)) {
        statement(node.elseStatement)
      }
    } else if (ts.isIterationStatement(node, false)) statement(node.statement)
    else if (ts.isCaseOrDefaultClause(node)) {
      const [head] = node.statements
      if (head !== undefined) insert(head.getStart(source), `${count(node)};`)
    } else if (ts.isConditionalExpression(node)) {
      value(node.whenTrue)
      value(node.whenFalse)
    } else if (ts.isBinaryExpression(node) && isChoice(node.operatorToken.kind)) value(node.right)
    else if (ts.isNewExpression(node)) allocation(node, wrap)
    else if (ts.isCallExpression(node)) allocationOfCall(node, wrap)
    else if (ts.isStringLiteralLike(node) && node.text.length > 0 && node.text.length <= 64) {
      words.add(node.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return { text: apply(text, edits), lines, words: [...words] }
}

const isChoice = (kind: ts.SyntaxKind): boolean =>
  kind === ts.SyntaxKind.AmpersandAmpersandToken || kind === ts.SyntaxKind.BarBarToken ||
  kind === ts.SyntaxKind.QuestionQuestionToken

type Wrap = (node: ts.Node, before: string, after: string) => void

const allocation = (node: ts.NewExpression, wrap: Wrap): void => {
  const [size, ...others] = node.arguments ?? []
  if (size === undefined || others.length > 0 || ts.isSpreadElement(size)) return
  if (ts.isIdentifier(node.expression) && BY_NUMBER.has(node.expression.text)) wrap(size, "$n(", ")")
}

const allocationOfCall = (node: ts.CallExpression, wrap: Wrap): void => {
  const [head] = node.arguments
  if (!ts.isPropertyAccessExpression(node.expression) || head === undefined) return
  const { expression, name } = node.expression
  if (BY_FIRST.has(name.text) && !ts.isSpreadElement(head)) wrap(head, "$n(", ")")
  if (!ts.isIdentifier(expression) || expression.text !== "Array" || name.text !== "from") return
  if (!ts.isObjectLiteralExpression(head)) return
  for (const property of head.properties) {
    if (ts.isPropertyAssignment(property) && property.name.getText() === "length") {
      wrap(property.initializer, "$n(", ")")
    }
  }
}

interface Edit {
  readonly at: number
  readonly isClose: boolean
  /** Number of the wrap: outer ones come first. */
  readonly order: number
  readonly what: string
}

/** Closes before opens in one place; inner closes first, outer opens first. */
const apply = (text: string, edits: Array<Edit>): string => {
  edits.sort((a, b) =>
    a.at - b.at || Number(b.isClose) - Number(a.isClose) ||
    (a.isClose ? b.order - a.order : a.order - b.order)
  )
  let result = ""
  let at = 0
  for (const edit of edits) {
    result += text.slice(at, edit.at) + edit.what
    at = edit.at
  }
  return result + text.slice(at)
}
