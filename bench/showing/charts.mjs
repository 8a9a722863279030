// Draws the charts that the subjects describe.
import { bars } from './bars.mjs'
import { lines } from './lines.mjs'

const KINDS = { bars, lines }

export const draw = ({ kind, ...chart }) => KINDS[kind](chart)
