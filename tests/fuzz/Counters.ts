/** Where instrumented code counts: one table for each bundle, which `Build.ts` puts in front of it. */

export interface Counters {
  /** Executions of each block since {@link reset}. */
  readonly blocks: Uint32Array
  /** One number: elements that were allocated by number since then. */
  readonly allocated: Float64Array
}

/** The line in front of a bundle, with a table for so many blocks. */
export const prologue = (blockCount: number): string =>
  `const $c=new Uint32Array(${blockCount}),$a=new Float64Array(1),` +
  `$n=(size)=>{if(typeof size==="number"&&size>0)$a[0]+=size;return size};`

/** The line of an entry that gives the table to whoever loads the bundle. */
export const EXPORT = "export const counters = { blocks: $c, allocated: $a }\n"

/** Before each execution. */
export const reset = ({ allocated, blocks }: Counters): void => {
  blocks.fill(0)
  allocated[0] = 0
}
