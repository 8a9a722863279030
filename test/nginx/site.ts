import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { NO_SERVERS, renderFile } from '../../src/nginx/conf/render.ts'
import type { NginxOptions } from '../../src/nginx/options.ts'
import type { Child } from '../../src/types/child.ts'
import type { StartOptions } from '../../src/types/options.ts'
import type { Spinner } from '../../src/types/spinner.ts'
import { fixture } from '../support/host.ts'
import { type Nginx, newNginx, type Place } from '../support/nginx.ts'

/** The file of our own that the site's configuration includes. */
export const included = (folder: string): string => path.join(folder, 'app.conf')

/** A server that hands everything to the upstream `app`. */
export const server = ({ port }: Pick<Place, 'port'>): string => `
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
    }
  }`

/** The `http` block of an nginx whose upstream is in a file of ours. */
export function site(place: Place): string {
  writeFileSync(included(place.folder), renderFile([{ name: 'app', directives: [], servers: [NO_SERVERS] }]))
  return `include ${included(place.folder)};${server(place)}`
}

export const newSite = (): Promise<Nginx> => newNginx(site)

/** An nginx whose upstream is in its main configuration. */
export const newBlockSite = (block: string): Promise<Nginx> => newNginx((place) => `${block}${server(place)}`)

/** What a plugin for such a site is given. */
export const optionsFor = (nginx: Nginx, more: Partial<NginxOptions> = {}): NginxOptions => ({
  upstream: 'app',
  file: included(nginx.folder),
  command: nginx.command,
  config: nginx.conf,
  ...more,
})

export const readText = (file: string): string => readFileSync(file, 'latin1')

/** The `server` lines of a file, as they are. */
export const serversIn = (file: string): string[] =>
  [...readText(file).matchAll(/^\s*(server [^{}]*?;)/gm)].map((match) => match[1] as string)

export const hello = (name: string, more: Partial<StartOptions> = {}): StartOptions => ({
  name,
  script: fixture('hello.js'),
  ...more,
})

/** All errors that children of a spinner tell of. */
export function errorsOf(spinner: Spinner): Error[] {
  const errors: Error[] = []
  spinner.on('error', (_child: Child, error: Error) => void errors.push(error))
  return errors
}
