/** A defect behind five doors: each opens with one byte, and only who sees that one has opened gets to the next. */
import { Broken, type Target } from "../Target.ts"

const enter = (input: Uint8Array): number => {
  if (input[0] !== 0x73) return 0
  if (input[1] !== 0x68) return 1
  if (input[2] !== 0x6f) return 2
  if (input[3] !== 0x61) return 3
  if (input[4] !== 0x6c) return 4
  return 5
}

export const targets: ReadonlyArray<Target> = [{
  name: "maze",
  oracle: "nobody gets to the end",
  covers: ["tests/fuzz/canaries/Maze.ts"],
  seeds: () => [],
  mutators: [],
  run: (input) => {
    if (enter(input) === 5) throw new Broken("the end of the maze")
  },
}]
