import path from 'node:path'
import type { GatewayConfig, Plain } from './model.ts'

/** Makes the paths of a file absolute. They are resolved against the directory of the file, not against the working directory. */
export class PathResolver {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  child(options: Plain): Plain {
    const { checks, monitor, command, ...rest } = options
    return {
      ...(command === undefined ? {} : { command: this.#program(command) }),
      ...rest,
      ...this.#all(rest, 'script', 'stdout', 'stderr'),
      cwd: this.#path(rest['cwd'] ?? '.'),
      ...(monitor === undefined ? {} : { monitor: this.#monitor(monitor) }),
      ...(checks === undefined ? {} : { checks: this.#checks(checks as Plain) }),
    }
  }

  nginx(options: Plain): Plain {
    const programs = ['command', 'test', 'reload'].filter((key) => options[key] !== undefined)
    const { backup, ...rest } = options
    return {
      ...rest,
      ...this.#all(options, 'file', 'config', 'pid'),
      ...Object.fromEntries(programs.map((key) => [key, this.#command(options[key])])),
      ...(backup === undefined ? {} : { backup: typeof backup === 'string' ? this.#path(backup) : backup }),
    }
  }

  gateway({ listen, ...rest }: GatewayConfig): GatewayConfig {
    return { ...rest, listen: { ...listen, ...this.#all(listen, 'path') } }
  }

  own(options: Plain): Plain {
    return { ...options, ...this.#all(options, 'runtimeDir') }
  }

  #all(options: Plain, ...keys: readonly string[]): Plain {
    const present = keys.filter((key) => typeof options[key] === 'string')
    return Object.fromEntries(present.map((key) => [key, this.#path(options[key])]))
  }

  #path(given: unknown): string {
    return path.resolve(this.#directory, String(given))
  }

  /** Leaves a name without a slash as it is: it is looked up on PATH. */
  #program(given: unknown): unknown {
    return typeof given === 'string' && given.includes('/') ? this.#path(given) : given
  }

  /** Converts a program alone to a command without arguments. */
  #command(given: unknown): unknown {
    if (typeof given === 'boolean') return given
    const [program, ...args] = Array.isArray(given) ? given : [given]
    return [this.#program(program), ...args]
  }

  #monitor(given: unknown): unknown {
    if (given === null) return null
    if (typeof given === 'string') return this.#path(given)
    if (Array.isArray(given)) return given.map((each) => this.#path(each))
    return { ...(given as Plain), paths: this.#monitor((given as Plain)['paths']) }
  }

  #checks(given: Plain): Plain {
    const wanted = Object.entries(given).filter(([, check]) => check !== null)
    return Object.fromEntries(
      wanted.map(([name, check]) => {
        const { command } = check as Plain
        return [
          name,
          command === undefined ? check : { ...(check as Plain), command: this.#program(command) },
        ]
      }),
    )
  }
}
