#!/usr/bin/env bash
# Assigns the app roles of this app to those who call it with Microsoft Entra ID: applications, managed identities and
# people. Shows what it would do before it does it, assigns only what is missing, and reads it back; a second run
# changes nothing.
# Source: https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignments
# Needs bash 3.2 or newer, as macOS has it, and the Azure CLI.
set -euo pipefail

GRAPH=https://graph.microsoft.com/v1.0
# What `azd provision` calls the application among its outputs.
AZD_OUTPUT=API_CLIENT_ID
# Graph's lists lag behind its writes. Source: https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignments
READ_ATTEMPTS=6
READ_PAUSE_SECONDS=5

# The role and what it lets its owner do; infra/modules/caller-authentication.bicep declares them.
ROLES='Activities.Write|creates activities and batches
Failures.Manage|sees what was set aside, and puts it back'

usage() {
    cat <<TEXT
Usage: ./infra/assign-app-roles.sh --principals IDS [OPTION]...

Assigns the app roles of the function app to those who call it. Run it signed in to the Azure CLI (az login) as a Cloud
Application Administrator.

  --principals IDS        who gets them, with commas between: object IDs of people, applications and managed
                          identities, or client IDs of applications and managed identities
  --role ROLE             only Activities.Write, or only Failures.Manage
  --api-client-id ID      client ID of the application that callers ask a token for (without it: the one of the azd
                          environment)
  --dry-run               show what is missing, and assign nothing
  --yes                   do not ask
  --help                  show this

Exit code: 0 everything is assigned (or --dry-run), 1 something is missing, 2 wrong arguments.
TEXT
}

problems=''
problem() { problems="$problems  - $1"$'\n'; }
fail() { printf '%s\n' "$1" >&2; exit "${2:-1}"; }
is_guid() { [[ $1 =~ ^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$ ]]; }

principals='' only='' api_client_id='' yes='' dry_run=''
while [ $# -gt 0 ]; do
    case $1 in
        --principals | --role | --api-client-id)
            if [ $# -lt 2 ] || [ -z "$2" ]; then problem "$1 needs a value."; shift; continue; fi
            case $1 in
                --principals) principals=$2 ;;
                --role) only=$2 ;;
                --api-client-id) api_client_id=$2 ;;
            esac
            shift 2 ;;
        --yes) yes=1; shift ;;
        --dry-run) dry_run=1; shift ;;
        --help | -h) usage; exit 0 ;;
        *) problem "There is no option $1."; shift ;;
    esac
done

ids=${principals//[[:blank:]]/}
ids=${ids//,/$'\n'}
[[ $ids =~ [^[:space:]] ]] || problem "--principals must name who gets the roles."
while IFS= read -r id; do
    if [ -n "$id" ] && ! is_guid "$id"; then problem "--principals must be GUIDs with commas between them."; break; fi
done <<<"$ids"
if [ -n "$api_client_id" ] && ! is_guid "$api_client_id"; then problem "--api-client-id must be a GUID."; fi
case $only in
    '' | Activities.Write | Failures.Manage) ;;
    *) problem "--role must be Activities.Write or Failures.Manage." ;;
esac
command -v az >/dev/null || problem "The Azure CLI (az) was not found: install it, and sign in with az login."
if [ -n "$problems" ]; then fail "Nothing was assigned:"$'\n'"$problems" 2; fi

az_said=$(mktemp)
trap 'rm -f "$az_said"' EXIT
# Runs az; what it complains of is kept for explain.
ask() { az "$@" --only-show-errors 2>"$az_said" </dev/null; }
is_unknown() { grep -qE 'ResourceNotFound|Not Found' "$az_said"; }

explain() {
    local said
    said=$(cat "$az_said")
    case $said in
        *Authorization_RequestDenied* | *Forbidden* | *"Insufficient privileges"*)
            fail "Microsoft Graph refused: you may not assign app roles. Sign in (az login) as a Cloud Application Administrator, or ask one to run this script." ;;
        *"az login"* | *AADSTS*) fail "The Azure CLI is not signed in, or has to sign in again: az login." ;;
        *) fail "The Azure CLI failed: $said" ;;
    esac
}

if [ -z "$api_client_id" ]; then
    api_client_id=$(azd env get-value "$AZD_OUTPUT" 2>/dev/null) || api_client_id=''
    is_guid "$api_client_id" || fail "No azure developer environment with ENTRA_AUTH was found here. Run azd provision first, or give --api-client-id." 2
fi

# The application's own id in this tenant, and the ids of its roles.
api_says=$(ask rest --method GET --url "$GRAPH/servicePrincipals?\$filter=appId eq '$api_client_id'" --output tsv \
    --query "value[0].[[['api', id]], appRoles[].[value, id]][]") || explain
id_of() { awk -F '\t' -v name="$1" '$1 == name { print $2 }' <<<"$api_says" | tr -d '\r'; }
api_id=$(id_of api)
is_guid "$api_id" || fail "There is no application with the client ID $api_client_id in this tenant."

# Prints where Graph keeps a principal, its object id and its name; nothing if it knows none.
find_principal() {
    local found kind
    found=$(ask rest --method GET --url "$GRAPH/servicePrincipals?\$filter=appId eq '$1'" --output tsv \
        --query 'value[].[id, displayName]') || explain
    if [ -n "$found" ]; then printf 'servicePrincipals\t%s\n' "$found"; return; fi
    for kind in servicePrincipals users; do
        if found=$(ask rest --method GET --url "$GRAPH/$kind/$1" --query '[[id, displayName]]' --output tsv); then
            printf '%s\t%s\n' "$kind" "$found"; return
        fi
        is_unknown || explain
    done
}

# One line for each role of each principal: where, object id, name, role, id of the role, purpose.
wanted=''
while IFS= read -r id; do
    if [ -z "$id" ]; then continue; fi
    principal=$(find_principal "$id") || exit 1
    if [ -z "$principal" ]; then
        fail "There is no person, application or managed identity with the ID $id in this tenant; check it with az account show."
    fi
    IFS=$'\t' read -r where object_id name <<<"$principal"
    name=$(printf '%s' "$name" | tr -d '[:cntrl:]|')
    while IFS='|' read -r role purpose; do
        if [ -n "$only" ] && [ "$role" != "$only" ]; then continue; fi
        role_id=$(id_of "$role")
        is_guid "$role_id" || fail "The application has no role $role: run azd provision again, with the newest files."
        wanted="$wanted$where|$object_id|$name|$role|$role_id|$purpose"$'\n'
    done <<<"$ROLES"
done <<<"$ids"

# Sets missing to those of the wanted ones that are not assigned. Asks for one page: it holds 100.
find_missing() {
    local assigned where object_id name role role_id purpose
    missing=''
    while IFS='|' read -r where object_id name role role_id purpose; do
        if [ -z "$where" ]; then continue; fi
        assigned=$(ask rest --method GET --url "$GRAPH/$where/$object_id/appRoleAssignments" \
            --query "value[?resourceId=='$api_id'].appRoleId" --output tsv) || explain
        if ! grep -qi "$role_id" <<<"$assigned"; then
            missing="$missing$where|$object_id|$name|$role|$role_id|$purpose"$'\n'
        fi
    done <<<"$wanted"
}
show() {
    local where object_id name role role_id purpose state
    while IFS='|' read -r where object_id name role role_id purpose; do
        if [ -z "$where" ]; then continue; fi
        state=assigned
        if [[ $missing == *"|$object_id|$name|$role|"* ]]; then state=missing; fi
        printf '  %-8s %s to %s (%s): %s\n' "$state" "$role" "$name" "$object_id" "$purpose"
    done <<<"$wanted"
}

find_missing
printf '%s\n' "App roles of the application $api_client_id:"
show
if [ -z "$missing" ]; then printf '%s\n' "Nothing is missing, so nothing was changed."; exit 0; fi
if [ -n "$dry_run" ]; then printf '%s\n' "This was a dry run: nothing was assigned."; exit 0; fi
if [ -z "$yes" ]; then
    printf '%s ' "Assign what is missing? [y/N]"
    read -r answer || fail "Nobody answered, so nothing was assigned. Without a terminal, add --yes."
    case $answer in y | Y | yes | Yes) ;; *) fail "Nothing was assigned." ;; esac
fi

while IFS='|' read -r where object_id name role role_id purpose; do
    if [ -z "$where" ]; then continue; fi
    ask rest --method POST --url "$GRAPH/$where/$object_id/appRoleAssignments" --output none \
        --body "{\"principalId\": \"$object_id\", \"resourceId\": \"$api_id\", \"appRoleId\": \"$role_id\"}" ||
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
if [ -n "$missing" ]; then fail "Something is still missing. Run this script again in a minute; if it stays so, look at the application in the Entra admin center, Enterprise applications, Users and groups."; fi
printf '%s\n' "Everything is assigned." \
    "A token that was given before has no role yet: people sign in again, applications ask for a new one, and that of a managed identity is kept for up to 24 hours."
