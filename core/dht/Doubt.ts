/** Which node of a routing table is to be asked whether it is still there, and when there is one (BEP 5). */
import { type Millis, NEVER } from "../base/Time.ts"
import * as Bucket from "./Bucket.ts"
import * as RoutingTable from "./RoutingTable.ts"

/**
 * The row of a node to be asked whether it is there: one that waits where there is a place, or the questionable one that
 * was not heard of for longest where somebody waits for its place. `Bucket.NONE` where there is no doubt.
 */
export const doubtful = (table: RoutingTable.RoutingTable, now: Millis): number => {
  const { rows } = table
  for (let bucket = RoutingTable.bucketCount(table) - 1; bucket >= 0; bucket--) {
    let oldest = Bucket.NONE
    let hasPlace = false
    const first = bucket * Bucket.ROWS
    for (let row = first; row < first + Bucket.K; row++) {
      if (Bucket.isFree(rows, row) || Bucket.failures(rows, row) >= RoutingTable.BAD_FAILURES) hasPlace = true
      else if (oldest === Bucket.NONE || rows.seenAt[row]! < rows.seenAt[oldest]!) oldest = row
    }
    for (let row = first + Bucket.K; row < first + Bucket.ROWS; row++) {
      if (Bucket.isFree(rows, row)) continue
      if (hasPlace) return row
      if (oldest !== Bucket.NONE && rows.seenAt[oldest]! + RoutingTable.GOOD_MS <= now) return oldest
    }
  }
  return Bucket.NONE
}

/** When there is next a {@link doubtful} node if nothing else happens; NEVER if nobody waits. */
export const nextDoubt = (table: RoutingTable.RoutingTable): Millis => {
  const { rows } = table
  let at = NEVER
  for (let bucket = 0; bucket < RoutingTable.bucketCount(table); bucket++) {
    const first = bucket * Bucket.ROWS
    let waits = false
    for (let row = first + Bucket.K; row < first + Bucket.ROWS; row++) waits ||= !Bucket.isFree(rows, row)
    if (!waits) continue
    for (let row = first; row < first + Bucket.K; row++) {
      if (Bucket.isFree(rows, row) || Bucket.failures(rows, row) >= RoutingTable.BAD_FAILURES) return 0
      at = Math.min(at, rows.seenAt[row]! + RoutingTable.GOOD_MS)
    }
  }
  return at
}
