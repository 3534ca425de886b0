/** What the tests of the report share. */
import type { Outcome } from "../../../shell/report/Outcome.ts"

export const outcome: Outcome = {
  seed: 42,
  digest: "0123456789abcdef",
  peers: 30,
  completed: 30,
  virtualSeconds: 80,
  realSeconds: 2.5,
  deliveries: 61_440,
  deliveriesPerSecond: 24_576,
  peakMemoryBytes: 123_456_789,
  violations: 0,
  replay: "shoal simulate --seed 42 --peers 30",
}
