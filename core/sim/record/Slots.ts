/**
 * A table over time of a size fixed in advance: a row a slot, a cell a column. When all slots are full, each two become
 * one and slots last twice as long, so that a run of any length fits.
 */
export interface Slots {
  readonly capacity: number
  readonly columns: number
  /** What becomes of two values in one slot: `sum` adds them, `last` keeps the later one. */
  readonly merge: "sum" | "last"
  readonly cells: Float64Array | Float32Array
  /** Ticks a slot lasts; a power of two times what it began with. */
  stride: number
  /** Slots in use: those up to the latest tick that anything was put at. */
  count: number
}

/** An empty table; `capacity` is even. */
export const make = (
  spec: Pick<Slots, "capacity" | "columns" | "merge" | "stride"> & { readonly isCoarse?: boolean },
): Slots => {
  const { capacity, columns, merge, stride, isCoarse } = spec
  const length = capacity * columns
  const cells = isCoarse === true ? new Float32Array(length) : new Float64Array(length)
  return { capacity, columns, merge, cells, stride, count: 0 }
}

/** Where the row of `tick` begins in `cells`; makes room for it first. Ticks don't go back. */
export const rowAt = (slots: Slots, tick: number): number => {
  let slot = Math.floor(tick / slots.stride)
  while (slot >= slots.capacity) {
    halve(slots)
    slot = Math.floor(tick / slots.stride)
  }
  if (slot >= slots.count) slots.count = slot + 1
  return slot * slots.columns
}

/** Puts a value where it belongs: `row` as `rowAt` gave it. */
export const put = (slots: Slots, row: number, column: number, value: number): void => {
  if (slots.merge === "sum") slots.cells[row + column]! += value
  else slots.cells[row + column] = value
}

/** The value of one slot and column. */
export const get = (slots: Slots, slot: number, column: number): number =>
  slots.cells[slot * slots.columns + column] ?? 0

const halve = (slots: Slots): void => {
  const { capacity, cells, columns, merge } = slots
  for (let slot = 0; slot < capacity / 2; slot++) {
    for (let column = 0; column < columns; column++) {
      const early = cells[2 * slot * columns + column]!
      const late = cells[(2 * slot + 1) * columns + column]!
      // The later of two may lie beyond what was filled.
      const isLateThere = 2 * slot + 1 < slots.count
      cells[slot * columns + column] = merge === "sum" ? early + late : isLateThere ? late : early
    }
  }
  cells.fill(0, (capacity / 2) * columns)
  slots.stride *= 2
  slots.count = Math.min(capacity / 2, Math.ceil(slots.count / 2))
}
