/** What a driver can be called: ours have plain names, those of others are files or packages. */
import { isAbsolute, resolve } from 'node:path';

const packageForm = /^(@[a-z0-9][\w.-]*\/)?keys-driver-[a-z0-9][\w.-]*$/;

export function isPackage(name: string): boolean {
  return packageForm.test(name);
}

/** Whether a driver is somebody else's: a file, or a package of its own. */
export function isOutside(name: string): boolean {
  return /^\.{1,2}[/\\]/.test(name) || isAbsolute(name) || isPackage(name);
}

/** A driver that is a file, by its whole path; any other name as it is. */
export function driverPath(name: string, directory = '.'): string {
  return isOutside(name) && !isPackage(name) ? resolve(directory, name) : name;
}
