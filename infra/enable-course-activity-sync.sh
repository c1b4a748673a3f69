#!/usr/bin/env bash
# Turns on isCourseActivitySyncEnabled for a learning provider, or registers one with it on, which Microsoft Graph lets
# only a person do. Shows the tenant's learning providers first, changes one flag of one provider or adds one, and reads
# it back; a second run changes nothing.
# Sources: https://learn.microsoft.com/graph/api/learningprovider-update
#          https://learn.microsoft.com/graph/api/employeeexperience-post-learningproviders
# Needs bash 3.2 or newer, as macOS has it, and the Azure CLI, which need not be signed in: its own sign-in cannot get
# the scope, so this one is made with a device code for Microsoft's app for administrators.
# Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
set -euo pipefail

GRAPH=https://graph.microsoft.com/v1.0
LOGIN=https://login.microsoftonline.com
SCOPE=https://graph.microsoft.com/LearningProvider.ReadWrite
# "Microsoft Graph Command Line Tools", which Connect-MgGraph uses, too: nobody has to register an app.
# Source: https://learn.microsoft.com/powershell/microsoftgraph/authentication-commands
GRAPH_TOOLS=14d82eec-204b-4c2f-b7e8-296a70dab67e
READ_ATTEMPTS=6
READ_PAUSE_SECONDS=5

usage() {
    cat <<TEXT
Usage: ./infra/enable-course-activity-sync.sh [OPTION]...

Turns on course activities (isCourseActivitySyncEnabled) for a learning provider. It asks you to sign in with a browser:
as a Knowledge Administrator with a Viva Learning or Viva Suite licence.

  --provider ID     the learning provider's registration ID; not needed if there is only one
  --tenant ID       the tenant's ID or domain; not needed if your account has only one
  --client-id ID    sign in to your own public client app instead of "Microsoft Graph Command Line Tools"
  --dry-run         show the learning providers, and change nothing
  --yes             do not ask
  --help            show this

  --register NAME           register a learning provider of this name, with course activities on. It may belong to the
                            app that you sign in to, so give --client-id if the function app acts as an application.
                            With it, images that anybody can open (https):
  --long-logo-dark URL      the long logo for the dark theme
  --long-logo-light URL     the long logo for the light theme
  --square-logo-dark URL    the square logo for the dark theme
  --square-logo-light URL   the square logo for the light theme
  --login-url URL           where people sign in to the provider; may be left out

Exit code: 0 the flag is on (or --dry-run), 1 it is not, 2 wrong arguments.
TEXT
}

problems=''
problem() { problems="$problems  - $1"$'\n'; }
fail() { printf '%s\n' "$1" >&2; exit "${2:-1}"; }
is_guid() { [[ $1 =~ ^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$ ]]; }

provider='' tenant=organizations client_id=$GRAPH_TOOLS yes='' dry_run=''
register='' long_dark='' long_light='' square_dark='' square_light='' login_url=''
while [ $# -gt 0 ]; do
    case $1 in
        --provider | --tenant | --client-id | --register | --login-url | --long-logo-dark | --long-logo-light | \
            --square-logo-dark | --square-logo-light)
            if [ $# -lt 2 ] || [ -z "$2" ]; then problem "$1 needs a value."; shift; continue; fi
            case $1 in
                --provider) provider=$2 ;;
                --tenant) tenant=$2 ;;
                --client-id) client_id=$2 ;;
                --register) register=$2 ;;
                --login-url) login_url=$2 ;;
                --long-logo-dark) long_dark=$2 ;;
                --long-logo-light) long_light=$2 ;;
                --square-logo-dark) square_dark=$2 ;;
                --square-logo-light) square_light=$2 ;;
            esac
            shift 2 ;;
        --yes) yes=1; shift ;;
        --dry-run) dry_run=1; shift ;;
        --help | -h) usage; exit 0 ;;
        *) problem "There is no option $1."; shift ;;
    esac
done

if [ -n "$provider" ] && ! is_guid "$provider"; then problem "--provider must be a GUID."; fi
if ! [[ $tenant =~ ^[A-Za-z0-9][A-Za-z0-9.-]*$ ]]; then problem "--tenant must be a tenant's ID or domain."; fi
if ! is_guid "$client_id"; then problem "--client-id must be a GUID."; fi
is_url() { [[ $1 =~ ^https://[^[:space:]\"\\]+$ ]]; }
if [ -z "$register" ]; then
    if [ -n "$long_dark$long_light$square_dark$square_light$login_url" ]; then
        problem "The logos and --login-url need --register."
    fi
else
    if [ -n "$provider" ]; then problem "Give either --provider or --register."; fi
    if [[ $register =~ [[:cntrl:]] ]]; then problem "--register must be a name in one line."; fi
    if ! { is_url "$long_dark" && is_url "$long_light" && is_url "$square_dark" && is_url "$square_light"; }; then
        problem "--register needs all four logos, each a URL that begins with https."
    fi
    if [ -n "$login_url" ] && ! is_url "$login_url"; then problem "--login-url must be a URL that begins with https."; fi
fi
command -v az >/dev/null || problem "The Azure CLI (az) was not found: install it."
if [ -n "$problems" ]; then fail "Nothing was changed:"$'\n'"$problems" 2; fi

# Somebody's own debug log of the Azure CLI would otherwise have the token in it.
export AZURE_LOGGING_ENABLE_LOG_FILE=no
az_said=$(mktemp)
trap 'rm -f "$az_said"' EXIT
# Secrets reach az on its standard input ("@-"), because every user of the machine can read a process's arguments.
ask() { az rest --skip-authorization-header --only-show-errors "$@" 2>"$az_said"; }
post_form() { ask --method POST --headers Content-Type=application/x-www-form-urlencoded --output tsv "$@"; }
graph() {
    local method=$1 path=$2
    shift 2
    printf '{"Authorization": "Bearer %s"}' "$token" |
        ask --method "$method" --url "$GRAPH/employeeExperience/learningProviders$path" --headers @- --output tsv "$@"
}

explain() {
    local said
    said=$(cat "$az_said")
    case $said in
        *AADSTS65001* | *AADSTS90094* | *consent*)
            fail "The sign-in was not allowed the permission LearningProvider.ReadWrite. Somebody who may consent for the organization (a Cloud Application Administrator can) has to sign in here once and tick the consent." ;;
        *AADSTS53003* | *AADSTS50005* | *AADSTS530*)
            fail "A Conditional Access policy of your tenant blocked the sign-in; many block device codes. Use enable-course-activity-sync.ps1, which signs in with a browser." ;;
        *authorization_declined* | *access_denied*) fail "The sign-in was declined." ;;
        *expired_token*) fail "Nobody signed in in time. Run this script again." ;;
        *orbidden* | *Unauthorized* | *accessDenied*)
            fail "Microsoft Graph refused. The account needs the role Knowledge Administrator and a Viva Learning or Viva Suite licence." ;;
        *) fail "The request failed: $said" ;;
    esac
}

device=$(post_form --url "$LOGIN/$tenant/oauth2/v2.0/devicecode" --body "client_id=$client_id&scope=$SCOPE" \
    --query '[[device_code, user_code, verification_uri, to_string(interval)]]' </dev/null) || explain
IFS=$'\t' read -r device_code user_code verification_uri interval <<<"$device"
if ! [[ $interval =~ ^[0-9]{1,3}$ ]]; then interval=5; fi
printf '%s\n' "To sign in, open $verification_uri in a browser and enter the code $user_code."

token=''
while [ -z "$token" ]; do
    sleep "$interval"
    if token=$(printf 'grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=%s&device_code=%s' \
        "$client_id" "$device_code" | post_form --url "$LOGIN/$tenant/oauth2/v2.0/token" --body @- --query access_token); then
        token=${token//[$'\r\n']/}
    elif grep -q slow_down "$az_said"; then
        interval=$((interval + 5))
    elif ! grep -q authorization_pending "$az_said"; then
        explain
    fi
done

# A tenant has a handful of learning providers, so the first page holds all of them.
providers=$(graph GET '' --query 'value[].[id, to_string(isCourseActivitySyncEnabled), displayName]') || explain
# What others named must not steer the terminal.
providers=$(tr -d '\000-\010\013-\037\177' <<<"$providers")
if [ -z "$providers" ] && [ -z "$register" ]; then
    fail "No learning provider is registered in this tenant. Register one first: https://learn.microsoft.com/graph/api/employeeexperience-post-learningproviders"
fi
printf '%s\n' "Learning providers (registration ID, course activities, name):"
lower() { tr '[:upper:]' '[:lower:]' <<<"$1"; }
is_meant() {
    local id=$1 name=$2
    if [ -n "$register" ]; then [ "$name" = "$register" ]; else
        [ -z "$provider" ] || [[ "$(lower "$id")" == "$(lower "$provider")" ]]
    fi
}
count=0 chosen='' chosen_state='' chosen_name=$register
while IFS=$'\t' read -r id state name; do
    if [ -z "$id" ]; then continue; fi
    count=$((count + 1))
    if [ "$state" = true ]; then state=on; else state=off; fi
    printf '  %s  %-3s  %s\n' "$id" "$state" "$name"
    if is_meant "$id" "$name"; then chosen=$id chosen_state=$state chosen_name=$name; fi
done <<<"$providers"

if [ -z "$provider$register" ] && [ "$count" -gt 1 ]; then fail "There are several: choose one with --provider. Nothing was changed." 2; fi
if [ -z "$chosen$register" ]; then fail "There is no learning provider $provider in this tenant. Nothing was changed." 2; fi
if [ -n "$chosen" ]; then is_guid "$chosen" || fail "The learning provider has no usable ID: $chosen"; fi

registration() {
    local name=${register//\\/\\\\}
    printf '{"displayName": "%s", "isCourseActivitySyncEnabled": true, ' "${name//\"/\\\"}"
    if [ -n "$login_url" ]; then printf '"loginWebUrl": "%s", ' "$login_url"; fi
    printf '"longLogoWebUrlForDarkTheme": "%s", "longLogoWebUrlForLightTheme": "%s", ' "$long_dark" "$long_light"
    printf '"squareLogoWebUrlForDarkTheme": "%s", "squareLogoWebUrlForLightTheme": "%s"}' "$square_dark" "$square_light"
}

if [ "$chosen_state" = on ]; then
    printf '%s\n' "Course activities are on already for $chosen_name, so nothing was changed."
elif [ -n "$dry_run" ] && [ -z "$chosen" ]; then
    printf '%s\n' "This was a dry run: $register is not registered."
    exit 0
elif [ -n "$dry_run" ]; then
    printf '%s\n' "This was a dry run: course activities stay off for $chosen_name."
    exit 0
else
    if [ -z "$yes" ]; then
        question="Turn on course activities for $chosen_name?"
        if [ -z "$chosen" ]; then question="Register the learning provider $register?"; fi
        printf '%s ' "$question [y/N]"
        read -r answer || fail "Nobody answered, so nothing was changed. Without a terminal, add --yes."
        case $answer in y | Y | yes | Yes) ;; *) fail "Nothing was changed." ;; esac
    fi
    if [ -n "$chosen" ]; then
        graph PATCH "/$chosen" --body '{"isCourseActivitySyncEnabled": true}' >/dev/null || explain
    else
        chosen=$(graph POST '' --body "$(registration)" --query id | tr -d '\r') || explain
        is_guid "$chosen" || fail "The learning provider has no usable ID: $chosen"
        printf '%s\n' "Registered the learning provider $register."
    fi
    attempt=1
    until [ "$(graph GET "/$chosen" --query 'to_string(isCourseActivitySyncEnabled)' | tr -d '\r')" = true ]; do
        if [ "$attempt" -ge "$READ_ATTEMPTS" ]; then
            fail "Microsoft Graph took the change, but course activities are still off. Run this script again in a minute."
        fi
        attempt=$((attempt + 1))
        sleep "$READ_PAUSE_SECONDS"
    done
    printf '%s\n' "Course activities are on for $chosen_name, read back from Microsoft Graph."
fi
printf '%s\n' "The registration ID to use, as the app's default or in each request:" "  LEARNING_PROVIDER_ID=$chosen"
