/** What `shoal simulate` has of its options where none is given. */
import type * as Simulate from "../../cli/Simulate.ts"

export const NO_OPTIONS: Simulate.SimulateOptions = {
  seed: undefined,
  peers: undefined,
  seeders: undefined,
  freeRiders: undefined,
  polluters: undefined,
  size: undefined,
  pieceSize: undefined,
  faults: false,
  random: false,
  choker: undefined,
  seedingChoker: undefined,
  picker: undefined,
  superSeed: false,
  payload: undefined,
  maxTime: undefined,
  report: undefined,
  compare: undefined,
  runs: 10,
  printScenario: false,
}
