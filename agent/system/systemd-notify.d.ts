declare module "systemd-notify" {
  /** Runs systemd-notify(1) for this process. Rejects when it cannot be run or fails. */
  export default function notify(options: { ready?: boolean; status?: string }): Promise<unknown>;
}
