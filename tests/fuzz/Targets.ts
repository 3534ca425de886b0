/** All targets, and the entry of the bundle that has one. */
import type * as Counters from "./Counters.ts"
import { EXPORT } from "./Counters.ts"
import type * as Engine from "./Engine.ts"
import type { Target } from "./Target.ts"
import * as Asking from "./targets/Asking.ts"
import * as Bencode from "./targets/Bencode.ts"
import * as Client from "./targets/Client.ts"
import * as Dht from "./targets/Dht.ts"
import * as DhtNode from "./targets/DhtNode.ts"
import * as Metainfo from "./targets/Metainfo.ts"
import * as State from "./targets/State.ts"
import * as Tracker from "./targets/Tracker.ts"
import * as Wire from "./targets/Wire.ts"

const MODULES: Readonly<Record<string, { readonly targets: ReadonlyArray<Target> }>> = {
  Bencode,
  Metainfo,
  Wire,
  Dht,
  Tracker,
  State,
  Client,
  DhtNode,
  Asking,
}

export const all: ReadonlyArray<Target> = Object.values(MODULES).flatMap(({ targets }) => targets)

/** What such a bundle exports. */
export interface Bundle {
  readonly targets: ReadonlyArray<Target>
  readonly counters: Counters.Counters
  readonly attempt: typeof Engine.attempt
  readonly make: typeof Engine.make
  readonly fuzz: typeof Engine.fuzz
}

/** The source of a bundle's entry: loaded by a worker with a job, it does that. */
export const entryOf = (target: Target): string => {
  const [module] = Object.entries(MODULES).find(([, { targets }]) => targets.includes(target))!
  return entry(`./targets/${module}.ts`)
}

/** The same for any module that exports `targets`. */
export const entry = (module: string): string =>
  `import { workerData } from "node:worker_threads"
import { targets } from "${module}"
import { main } from "./Worker.ts"
export { targets }
export { attempt, fuzz, make } from "./Engine.ts"
${EXPORT}
if (workerData?.isFuzzJob === true) main(targets, counters, workerData)
`
