/**
 * Maps and Sets that most of their owners never fill: of a swarm's connections few carry blocks. Until something is put
 * in, all owners share one empty table.
 *
 *      peer.requests = Lazy.set(peer.requests, block, now)      `requests` begins as Lazy.noEntries()
 *      peer.requests.delete(block)                              reading and deleting need no care
 */

// Frozen, so that a fork of a state shares them as well (`Clone.ts`) and knows them again. Freezing stops nobody from
// putting something in: only the functions below do that, into a table of the owner's own.
const NO_MAP: Map<never, never> = Object.freeze(new Map<never, never>())
const NO_SET: Set<never> = Object.freeze(new Set<never>())

/** An empty Map that nothing may be put into but by {@link set}. */
export const noEntries = <Key, Value>(): Map<Key, Value> => NO_MAP as unknown as Map<Key, Value>

/** An empty Set that nothing may be put into but by {@link add}. */
export const noItems = <Item>(): Set<Item> => NO_SET as unknown as Set<Item>

/** The map with this entry, to be kept in place of the one given. */
export const set = <Key, Value>(entries: Map<Key, Value>, key: Key, value: Value): Map<Key, Value> =>
  (entries as unknown === NO_MAP ? new Map<Key, Value>() : entries).set(key, value)

/** The set with this item, to be kept in place of the one given. */
export const add = <Item>(items: Set<Item>, item: Item): Set<Item> =>
  (items as unknown === NO_SET ? new Set<Item>() : items).add(item)
