import { register } from 'node:module'

/** A watcher that never sees anything: in the model files are looked at, once a second of its clock. */
const BLIND = `export const watch = () => ({ on() { return this }, close: async () => {}, closed: true })`

/** Sees to it that no file of the real world is watched from here on, in this process. */
export function withoutChokidar(): void {
  const module = JSON.stringify(`data:text/javascript,${encodeURIComponent(BLIND)}`)
  const hook = `export const resolve = (name, context, next) =>
    name === 'chokidar' ? { url: ${module}, shortCircuit: true } : next(name, context)`
  register(`data:text/javascript,${encodeURIComponent(hook)}`)
}
