import type { JobSettings } from '../contract';
import type { JobFolder } from '../jobs';
import type { ActivityDependencies } from './dependencies';
import { jobFolder } from './dependencies';
import { runActivity } from './failures';
import type { PlanJobInput } from './payloads';

/** Remembers what was changed of a running job, so that a later run of it keeps to it: above all to what it may cost. */
export function recordSettingsActivity(deps: ActivityDependencies) {
  return async function recordSettings(jobId: string, changed: JobSettings): Promise<void> {
    await runActivity(deps, async () => {
      const folder = jobFolder(deps, jobId);
      await folder.writeSettings({ ...(await folder.readSettings()), ...changed });
    });
  };
}

/** @returns the settings on record, with those that the job is started with now. A run that goes on is started with old ones. */
export async function settingsOf(folder: JobFolder, { retries, queueLimit, maxCost, resumed }: PlanJobInput): Promise<JobSettings> {
  const recorded = (await folder.readSettings()) ?? {};
  if (resumed) return recorded;
  const given: JobSettings = { ...(retries !== undefined && { retries }), ...(queueLimit !== undefined && { queueLimit }), ...(maxCost !== undefined && { maxCost }) };
  if (Object.keys(given).length === 0) return recorded;
  const settings = { ...recorded, ...given };
  await folder.writeSettings(settings);
  return settings;
}
