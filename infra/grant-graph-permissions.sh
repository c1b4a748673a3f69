#!/usr/bin/env bash
# Grants the function app's managed identity the Microsoft Graph application permissions that it works with. Shows what
# it would do before it does it, grants only what is missing, and reads it back; a second run changes nothing.
# Source: https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignments
# Needs bash 3.2 or newer, as macOS has it, and the Azure CLI.
set -euo pipefail

GRAPH=https://graph.microsoft.com/v1.0
GRAPH_APP_ID=00000003-0000-0000-c000-000000000000
# What `azd provision` calls the identity among its outputs.
AZD_OUTPUT=IDENTITY_PRINCIPAL_ID
# Graph's lists lag behind its writes. Source: https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignments
READ_ATTEMPTS=6
READ_PAUSE_SECONDS=5

# What it is for (a kind of activity; the last three only on request), the permission, its id, what the app does with it.
# Source of the ids: https://learn.microsoft.com/graph/permissions-reference
ROLES='assignments|LearningAssignedCourse.ReadWrite.All|236c1cbd-1187-427f-b0f5-b1852454973b|creates, updates and deletes assignments
self-initiated-courses|LearningSelfInitiatedCourse.ReadWrite.All|7654ed61-8965-4025-846a-0856ec02b5b0|creates, updates and deletes self-initiated courses
assignments|LearningAssignedCourse.Read.All|535e6066-2894-49ef-ab33-e2c6d064bb81|looks up an assignment whose answer was lost, or that the app does not know
self-initiated-courses|LearningSelfInitiatedCourse.Read.All|467524fc-ed22-4356-a910-af61191e3503|looks up a self-initiated course whose answer was lost, or that the app does not know
people|User.ReadBasic.All|97235f07-e226-4f63-ace3-39588e11d3a1|finds people by their e-mail address
employee-ids|User.Read.All|df021288-bdef-4463-88db-98f22de89214|finds people by an employee id or a secondary e-mail address
courses|LearningContent.Read.All|8740813e-d8aa-4204-860e-2a0f8f84dbc8|finds courses by the id that they have in the LMS'

usage() {
    cat <<TEXT
Usage: ./infra/grant-graph-permissions.sh [OPTION]...

Grants the function app's managed identity the Microsoft Graph permissions that it needs. Run it signed in to the Azure
CLI (az login) as a Privileged Role Administrator.

Which identity (without any of these: the one of the azd environment):
  --principal-id ID       its principal (object) ID
  --resource-group NAME   its resource group, together with
  --identity NAME         its name

  --only KIND             only for assignments, or only for self-initiated-courses
  --also KIND[,KIND]      besides, what nobody needs who sends ids: people (to be named by e-mail address),
                          employee-ids (by an employee id or a secondary address), courses (by their id in the LMS)
  --dry-run               show what is missing, and grant nothing
  --yes                   do not ask
  --help                  show this

Exit code: 0 everything is granted (or --dry-run), 1 something is missing, 2 wrong arguments.
TEXT
}

problems=''
problem() { problems="$problems  - $1"$'\n'; }
fail() { printf '%s\n' "$1" >&2; exit "${2:-1}"; }
is_guid() { [[ $1 =~ ^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$ ]]; }

principal_id='' resource_group='' identity='' only='' also='' yes='' dry_run=''
while [ $# -gt 0 ]; do
    case $1 in
        --principal-id | --resource-group | --identity | --only | --also)
            if [ $# -lt 2 ] || [ -z "$2" ]; then problem "$1 needs a value."; shift; continue; fi
            case $1 in
                --principal-id) principal_id=$2 ;;
                --resource-group) resource_group=$2 ;;
                --identity) identity=$2 ;;
                --only) only=$2 ;;
                --also) also=$2 ;;
            esac
            shift 2 ;;
        --yes) yes=1; shift ;;
        --dry-run) dry_run=1; shift ;;
        --help | -h) usage; exit 0 ;;
        *) problem "There is no option $1."; shift ;;
    esac
done

if [ -n "$principal_id" ] && ! is_guid "$principal_id"; then problem "--principal-id must be a GUID."; fi
if [ -n "$principal_id" ] && [ -n "$resource_group$identity" ]; then
    problem "Give either --principal-id, or --resource-group and --identity."
elif [ -n "$resource_group" ] && [ -z "$identity" ]; then problem "--resource-group needs --identity."
elif [ -z "$resource_group" ] && [ -n "$identity" ]; then problem "--identity needs --resource-group."
fi
group_name='^[[:alnum:]_][[:alnum:]_.()-]{0,89}$'
if [ -n "$resource_group" ] && ! [[ $resource_group =~ $group_name ]]; then
    problem "--resource-group must be the name of a resource group."
fi
if [ -n "$identity" ] && ! [[ $identity =~ ^[[:alnum:]][[:alnum:]_-]{2,127}$ ]]; then
    problem "--identity must be the name of a user-assigned managed identity."
fi
case $only in
    '' | assignments | self-initiated-courses) ;;
    *) problem "--only must be assignments or self-initiated-courses." ;;
esac
also_form='^(people|employee-ids|courses)(,(people|employee-ids|courses))*$'
if [ -n "$also" ] && ! [[ $also =~ $also_form ]]; then
    problem "--also must be people, employee-ids or courses, or several of them with commas between them."
fi
command -v az >/dev/null || problem "The Azure CLI (az) was not found: install it, and sign in with az login."
if [ -n "$problems" ]; then fail "Nothing was granted:"$'\n'"$problems" 2; fi

az_said=$(mktemp)
trap 'rm -f "$az_said"' EXIT
# Runs az; what it complains of is kept for explain.
ask() { az "$@" --only-show-errors 2>"$az_said" </dev/null; }

explain() {
    local said
    said=$(cat "$az_said")
    case $said in
        *Authorization_RequestDenied* | *Forbidden* | *"Insufficient privileges"*)
            fail "Microsoft Graph refused: you may not grant permissions. Sign in (az login) as a Privileged Role Administrator, or ask one to run this script." ;;
        *Request_ResourceNotFound* | *ResourceNotFound* | *"Not Found"*)
            fail "There is no such identity in this tenant. The principal (object) ID is needed, not the client ID; check the tenant, too: az account show." ;;
        *"az login"* | *AADSTS*) fail "The Azure CLI is not signed in, or has to sign in again: az login." ;;
        *) fail "The Azure CLI failed: $said" ;;
    esac
}

if [ -n "$identity" ]; then
    principal_id=$(ask identity show --resource-group "$resource_group" --name "$identity" --query principalId --output tsv) || explain
elif [ -z "$principal_id" ]; then
    principal_id=$(azd env get-value "$AZD_OUTPUT" 2>/dev/null) || principal_id=''
    is_guid "$principal_id" || fail "No azure developer environment was found here. Run azd provision first, or give --principal-id, or --resource-group and --identity." 2
fi
is_guid "$principal_id" || fail "The identity has no principal ID: $principal_id"

name_and_type=$(ask rest --method GET --url "$GRAPH/servicePrincipals/$principal_id" \
    --query '[[servicePrincipalType, displayName]]' --output tsv) || explain
IFS=$'\t' read -r principal_type principal_name <<<"$name_and_type"
if [ "$principal_type" != ManagedIdentity ]; then
    fail "$principal_id ($principal_name) is no managed identity, so it cannot be the function app's."
fi

# Graph's own id in this tenant, and the ids of its permissions.
graph_says=$(ask rest --method GET --url "$GRAPH/servicePrincipals?\$filter=appId eq '$GRAPH_APP_ID'" --output tsv \
    --query "value[0].[[['graph', id]], appRoles[?contains(allowedMemberTypes, 'Application')].[value, id]][]") || explain
id_of() { awk -F '\t' -v name="$1" '$1 == name { print $2 }' <<<"$graph_says" | tr -d '\r'; }
graph_id=$(id_of graph)
is_guid "$graph_id" || fail "Microsoft Graph was not found in this tenant."

wanted=''
while IFS='|' read -r kind role role_id purpose; do
    case $kind in
        people | employee-ids | courses) case ",$also," in *",$kind,"*) ;; *) continue ;; esac ;;
        *) if [ -n "$only" ] && [ "$kind" != "$only" ]; then continue; fi ;;
    esac
    if [ "$(id_of "$role")" != "$role_id" ]; then
        fail "Microsoft Graph does not offer $role with the ID $role_id in this tenant. Learning activities exist in the global cloud only."
    fi
    wanted="$wanted$role|$role_id|$purpose"$'\n'
done <<<"$ROLES"

# Sets missing to those of the wanted ones that the identity does not have. Asks for one page: it holds 100.
find_missing() {
    local granted role role_id purpose
    granted=$(ask rest --method GET --url "$GRAPH/servicePrincipals/$principal_id/appRoleAssignments" \
        --query "value[?resourceId=='$graph_id'].appRoleId" --output tsv) || explain
    missing=''
    while IFS='|' read -r role role_id purpose; do
        if [ -n "$role" ] && ! grep -qi "$role_id" <<<"$granted"; then missing="$missing$role|$role_id|$purpose"$'\n'; fi
    done <<<"$wanted"
}
show() {
    local role role_id purpose state
    while IFS='|' read -r role role_id purpose; do
        if [ -z "$role" ]; then continue; fi
        state=granted
        if [[ $missing == *"$role_id"* ]]; then state=missing; fi
        printf '  %-8s %s (%s)\n' "$state" "$role" "$purpose"
    done <<<"$wanted"
}

find_missing
printf '%s\n' "Microsoft Graph permissions of $principal_name ($principal_id):"
show
if [ -z "$missing" ]; then printf '%s\n' "Nothing is missing, so nothing was changed."; exit 0; fi
if [ -n "$dry_run" ]; then printf '%s\n' "This was a dry run: nothing was granted."; exit 0; fi
if [ -z "$yes" ]; then
    printf '%s ' "Grant what is missing? [y/N]"
    read -r answer || fail "Nobody answered, so nothing was granted. Without a terminal, add --yes."
    case $answer in y | Y | yes | Yes) ;; *) fail "Nothing was granted." ;; esac
fi

while IFS='|' read -r role role_id purpose; do
    if [ -z "$role" ]; then continue; fi
    ask rest --method POST --url "$GRAPH/servicePrincipals/$principal_id/appRoleAssignments" --output none \
        --body "{\"principalId\": \"$principal_id\", \"resourceId\": \"$graph_id\", \"appRoleId\": \"$role_id\"}" ||
        grep -qi 'already exists' "$az_said" || explain
done <<<"$missing"

attempt=1
find_missing
while [ -n "$missing" ] && [ "$attempt" -lt "$READ_ATTEMPTS" ]; do
    sleep "$READ_PAUSE_SECONDS"
    attempt=$((attempt + 1))
    find_missing
done
printf '%s\n' "Read back from Microsoft Graph:"
show
if [ -n "$missing" ]; then fail "Something is still missing. Run this script again in a minute; if it stays so, look at the identity in the Entra admin center, Enterprise applications."; fi
printf '%s\n' "Everything is granted." \
    "Tokens are cached for up to 24 hours, and a restart does not renew them: until then the app may still answer graphPermissionMissing. GET /api/health names what its token lacks."
