import { register } from 'node:module'

/** A chokidar that reports nothing. In the model spinner polls files once a second of the simulated clock. */
const BLIND = `export const watch = () => ({ on() { return this }, close: async () => {}, closed: true })`

/** Replaces chokidar in this process, so that spinner watches no real file. */
export function withoutChokidar(): void {
  const module = JSON.stringify(`data:text/javascript,${encodeURIComponent(BLIND)}`)
  const hook = `export const resolve = (name, context, next) =>
    name === 'chokidar' ? { url: ${module}, shortCircuit: true } : next(name, context)`
  register(`data:text/javascript,${encodeURIComponent(hook)}`)
}
