/// <reference types="node" preserve="true" />
import { realSys, type Sys } from '../sys.ts'
import type { Plugin } from '../types/plugin.ts'
import { type NginxOptions, readNginxOptions } from './options.ts'
import { NginxPlugin } from './plugin.ts'

export type { Members as Belongs, NginxOptions } from './options.ts'

/**
 * Creates a plugin that keeps an `upstream` block of nginx up to date. It adds a child to the block when the child is ready,
 * and removes the child before spinner ends it. An upstream, and the plugin, belong to one spinner.
 *
 * Throws `ERR_SPINNER_INVALID_OPTION` if an option is invalid. Later problems become an `error` event of a child, and keep no
 * child from starting.
 *
 * @example
 * import { createSpinner } from 'spinner'
 * import { nginx } from 'spinner/nginx'
 *
 * const spinner = createSpinner({
 *   logger: null,
 *   // By default, nginx tests the file and loads it.
 *   plugins: [nginx({ upstream: 'app', file: './app.conf', test: false, reload: false })],
 * })
 * await spinner.start('./hello.cjs') // app.conf contains its address
 * await spinner.close()
 */
export function nginx(options: NginxOptions): Plugin {
  return nginxOn(realSys, options)
}

/** @internal Creates a plugin that uses another outside world, such as that of a test. */
export function nginxOn(sys: Sys, options: NginxOptions): Plugin {
  const plugin = new NginxPlugin(sys, readNginxOptions(options))
  return {
    name: `nginx:${plugin.settings.upstream}`,
    setup: (spinner) => plugin.setup(spinner),
    ready: (child) => plugin.ready(child),
    drain: (child, _reason, signal) => plugin.drain(child, signal),
    close: () => plugin.close(),
  }
}
