/** Permissions, written `resource.action`. In a role either side may be `*`, which stands for any; `*` alone is all there is. */

/** The actions that only look; every other action manages. */
export const viewActions = ['view', 'read', 'list'];

function parts(permission: string): [resource: string, action: string] {
  const dot = permission.lastIndexOf('.');
  return dot < 0 ? [permission, permission] : [permission.slice(0, dot), permission.slice(dot + 1)];
}

/** Whether whoever holds `held` has all that `wanted` stands for. */
export function covers(held: string, wanted: string): boolean {
  const [resource, action] = parts(held);
  const [wantedResource, wantedAction] = parts(wanted);
  return (resource === '*' || resource === wantedResource) && (action === '*' || action === wantedAction);
}

export function isViewing(permission: string): boolean {
  return viewActions.includes(parts(permission)[1]);
}

/** What of some permissions only looks. */
export function viewingPart(permissions: readonly string[]): string[] {
  const looking = permissions.flatMap((permission) => {
    const [resource, action] = parts(permission);
    if (action === '*') return viewActions.map((each) => `${resource}.${each}`);
    return viewActions.includes(action) ? [permission] : [];
  });
  return [...new Set(looking)];
}
