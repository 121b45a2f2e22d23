import { access, constants } from 'node:fs/promises';
import type { Command } from 'commander';
import { productVersion } from '../../local/product-version';
import { toCliError } from '../cli-error';
import type { CommandContext, CommonOptions } from '../command';
import { action, newCommand } from '../command';
import { drawn, plainTable } from '../display/plain-table';
import { ExitCode } from '../exit-codes';
import { knownJobs } from '../known-jobs';
import { openRunningSession } from '../session';
import { soonLost, soonLostSentence } from '../soon-lost';
import { accountOf, hasKey } from '../settings';

/** One thing that was looked at. */
interface Finding {
  name: string;
  ok: boolean;
  value: string;
  /** What to do about it. */
  hint?: string;
}

export function doctorCommand(): Command {
  return newCommand('doctor', 'Look at versions, folders, disk, key, proxy and server, and say what is wrong. Starts nothing, shows no secret.', ['message-batches doctor', 'message-batches doctor --json']).action(action(doctor));
}

async function doctor(context: CommandContext, _options: CommonOptions): Promise<ExitCode> {
  const { out } = context;
  const server = await temporalServer(context);
  const findings: Finding[] = [
    versions(),
    await homeFolder(context),
    await disk(context),
    key(context),
    await proxy(context),
    await temporalCli(context),
    server,
    await background(context),
    await jobs(context),
  ];
  const rendering = await out.rendering();
  const table = plainTable();
  for (const { name, ok, value, hint } of findings) {
    table.push([ok ? rendering.colors.green('ok') : rendering.colors.yellow('!!'), name, hint ? `${value}\n${hint}` : value]);
  }
  out.print(drawn(table));
  const ok = findings.every((finding) => finding.ok);
  out.document({ ok, home: context.home.folder, webUi: server.webUi ?? null, findings: findings.map(({ name, ok: fine, value, hint }) => ({ name, ok: fine, value, hint: hint ?? null })) });
  return ok ? ExitCode.ok : ExitCode.failed;
}

function versions(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  return {
    name: 'versions',
    ok,
    value: `message-batches ${productVersion()}, Node ${process.versions.node}, ${process.platform} ${process.arch}`,
    ...(!ok && { hint: 'Install Node 20.19, 22.12 or a later one.' }),
  };
}

async function homeFolder({ home }: CommandContext): Promise<Finding> {
  const ok = await access(home.folder, constants.W_OK).then(
    () => true,
    () => false,
  );
  return { name: 'home', ok, value: home.folder, ...(!ok && { hint: 'It cannot be written. Mend its permissions, or set MESSAGE_BATCHES_HOME to another folder.' }) };
}

async function disk({ home, out }: CommandContext): Promise<Finding> {
  const { freeBytes } = await import('../../local/index.js');
  const free = await freeBytes(home.folder);
  const ok = free > 1e9;
  const { formats } = await out.rendering();
  return { name: 'disk', ok, value: `${formats.bytes(free)} free`, ...(!ok && { hint: 'Outputs take about twice the size of the inputs and results. Free some space.' }) };
}

function key({ env }: CommandContext): Finding {
  const { baseUrl } = accountOf(env, {});
  if (hasKey(env)) return { name: 'key', ok: true, value: `set, for ${baseUrl}` };
  return { name: 'key', ok: true, value: 'not set', hint: 'Set ANTHROPIC_API_KEY for real jobs; --simulate needs none.' };
}

/** What of NO_PROXY is a name is left to the calls, so it is shown as it is. */
async function proxy({ env }: CommandContext): Promise<Finding> {
  const { proxyFor, proxyFromEnv } = await import('../../api/proxy.js');
  const settings = proxyFromEnv(env);
  if (!settings) return { name: 'proxy', ok: true, value: 'none' };
  const { baseUrl } = accountOf(env, {});
  try {
    const server = proxyFor(settings, new URL(baseUrl).origin);
    if (!server) return { name: 'proxy', ok: true, value: `not used for ${baseUrl}` };
    return { name: 'proxy', ok: true, value: `${server.host}, for ${baseUrl}${settings.noProxy ? `; NO_PROXY: ${settings.noProxy}` : ''}` };
  } catch (error) {
    return { name: 'proxy', ok: false, value: toCliError(error).message, hint: 'Mend HTTPS_PROXY or HTTP_PROXY, or name the host in NO_PROXY.' };
  }
}

async function temporalCli({ home, env, out }: CommandContext): Promise<Finding> {
  const { findTemporalCli, usesEmbeddedServer } = await import('../../local/index.js');
  if (!usesEmbeddedServer(env)) return { name: 'temporal cli', ok: true, value: 'not needed: TEMPORAL_* names a server' };
  try {
    const { path, source, version } = await findTemporalCli(home, env, out.say, { build: false });
    return { name: 'temporal cli', ok: true, value: `${version}, ${path} (${source})` };
  } catch (error) {
    const { message, hint } = toCliError(error);
    return { name: 'temporal cli', ok: false, value: message, hint };
  }
}

async function temporalServer(context: CommandContext): Promise<Finding & { webUi?: string }> {
  try {
    const session = await openRunningSession(context);
    if (!session) return { name: 'temporal', ok: true, value: 'the embedded server does not run; it is started when it is needed' };
    const { address, namespace, webUiUrl } = session.temporal;
    await session.close();
    return { name: 'temporal', ok: true, value: `${address}, namespace ${namespace}${webUiUrl ? `, web UI ${webUiUrl}` : ''}`, webUi: webUiUrl };
  } catch (error) {
    const { message, hint } = toCliError(error);
    return { name: 'temporal', ok: false, value: message, hint };
  }
}

async function background({ home }: CommandContext): Promise<Finding> {
  const { runningBackground } = await import('../../local/index.js');
  const running = await runningBackground(home);
  if (running.length === 0) return { name: 'background', ok: true, value: 'nothing runs' };
  return { name: 'background', ok: true, value: running.map(({ name, pid }) => `${name} (pid ${pid})`).join(', '), hint: 'End it: message-batches stop' };
}

async function jobs({ home }: CommandContext): Promise<Finding> {
  const known = await knownJobs(home.folder);
  const open = known.filter((job) => !job.report).length;
  const counts = `${open} open, ${known.length - open} ended`;
  const [first] = await soonLost(known, home.folder);
  return first ? { name: 'jobs', ok: false, value: counts, hint: soonLostSentence(first) } : { name: 'jobs', ok: true, value: counts };
}
