<#
.SYNOPSIS
Lets Bookings Atlas read mailboxes and settings in Exchange Online, or revokes that.

.DESCRIPTION
Exchange Online accepts requests from an app only if the app's service principal has a role in Exchange, in addition to the
application permission Exchange.ManageAsApp in Microsoft Entra. This script

  1. registers the service principal in Exchange,
  2. creates a role group with view-only roles,
  3. adds the service principal to it.

It leaves unchanged what already exists and reports it, so it can be run again. With -WhatIf it reports what it would do and
changes nothing. It needs the module ExchangeOnlineManagement, version 3 or newer, and a session of a member of the role
group Organization Management. It neither reads nor writes secrets.

An organization that was never customized rejects new role groups until Enable-OrganizationCustomization has run once.

.PARAMETER AppId
The application (client) ID of the identity that Bookings Atlas signs in as.

.PARAMETER ObjectId
The object ID of its service principal: the enterprise application, not the app registration.

.PARAMETER DisplayName
The name of the service principal in Exchange.

.PARAMETER RoleGroup
The name of the role group.

.PARAMETER IncludeAuditLogs
Also assigns the role View-Only Audit Logs, with which Bookings Atlas finds out who created shared pages. Not needed with the
application permission AuditLogsQuery-Exchange.Read.All of Microsoft Graph.

.PARAMETER Remove
Revokes everything: the membership, the role group if it has no other members, and the service principal in Exchange.

.EXAMPLE
Connect-ExchangeOnline
./Grant-AtlasExchangeRole.ps1 -AppId 5f8c5f8b-0c0f-4f5e-9d0c-3b1f6a0f2c11 -ObjectId 0b9e9d4c-4c1e-4a55-8a4e-6f1f5f5f2a10 -WhatIf

Reports what it would do.

.EXAMPLE
./Grant-AtlasExchangeRole.ps1 -AppId 5f8c5f8b-0c0f-4f5e-9d0c-3b1f6a0f2c11 -ObjectId 0b9e9d4c-4c1e-4a55-8a4e-6f1f5f5f2a10 -Remove

Revokes the role.

.LINK
https://learn.microsoft.com/powershell/exchange/app-only-auth-powershell-v2
#>
[CmdletBinding(SupportsShouldProcess)]
param(
    [Parameter(Mandatory)]
    [guid] $AppId,

    [Parameter(Mandatory)]
    [guid] $ObjectId,

    [ValidateNotNullOrEmpty()]
    [string] $DisplayName = 'Bookings Atlas',

    [ValidateNotNullOrEmpty()]
    [string] $RoleGroup = 'Bookings Atlas View-Only',

    [switch] $IncludeAuditLogs,

    [switch] $Remove
)

Set-StrictMode -Version 1.0
$ErrorActionPreference = 'Stop'

# $ErrorActionPreference does not reach the commands of a module, so each gets -ErrorAction Stop.
$roles = @('View-Only Recipients', 'View-Only Configuration')
if ($IncludeAuditLogs) {
    $roles += 'View-Only Audit Logs'
}

if (-not (Get-Command -Name 'Get-ServicePrincipal' -ErrorAction SilentlyContinue)) {
    throw 'There is no Exchange Online session. Run Connect-ExchangeOnline first, then this script again.'
}

# List and filter: called with a name that does not exist, these commands may return everything.
$principal = Get-ServicePrincipal -ErrorAction Stop | Where-Object { [string]$_.AppId -eq [string]$AppId }
$group = Get-RoleGroup -ErrorAction Stop | Where-Object { $_.Name -eq $RoleGroup }
$members = @()
if ($group) {
    $members = @(Get-RoleGroupMember -Identity $RoleGroup -ResultSize Unlimited -ErrorAction Stop)
}
$identifiers = @()
if ($principal) {
    $identifiers = @($principal.Name, $principal.ObjectId, $principal.Guid) | ForEach-Object { [string]$_ } | Where-Object { $_ }
}
$isMember = $false
foreach ($member in $members) {
    foreach ($identifier in @($member.Name, $member.Guid, $member.ExternalDirectoryObjectId)) {
        if ([string]$identifier -in $identifiers) {
            $isMember = $true
        }
    }
}

if ($Remove) {
    if (-not $isMember) {
        Write-Output "The service principal is not in the role group '$RoleGroup'."
    }
    elseif ($PSCmdlet.ShouldProcess($RoleGroup, "Remove $DisplayName from the role group")) {
        Remove-RoleGroupMember -Identity $RoleGroup -Member $principal.Identity -BypassSecurityGroupManagerCheck -Confirm:$false -ErrorAction Stop
        Write-Output "Removed the service principal from the role group '$RoleGroup'."
    }

    $others = $members.Count - [int]$isMember
    if (-not $group) {
        Write-Output "There is no role group '$RoleGroup'."
    }
    elseif ($others -gt 0) {
        Write-Output "The role group '$RoleGroup' has $others other members and was not removed."
    }
    elseif ($PSCmdlet.ShouldProcess($RoleGroup, 'Remove the role group')) {
        Remove-RoleGroup -Identity $RoleGroup -BypassSecurityGroupManagerCheck -Confirm:$false -ErrorAction Stop
        Write-Output "Removed the role group '$RoleGroup'."
    }

    if (-not $principal) {
        Write-Output "The service principal $AppId is not registered in Exchange."
    }
    elseif ($PSCmdlet.ShouldProcess($AppId, 'Remove the service principal from Exchange')) {
        Remove-ServicePrincipal -Identity $principal.Identity -Confirm:$false -ErrorAction Stop
        Write-Output "Removed the service principal $AppId from Exchange. The one in Microsoft Entra is unchanged."
    }
    return
}

if ($principal) {
    if ([string]$principal.ObjectId -ne [string]$ObjectId) {
        throw "In Exchange, $AppId has the object ID $($principal.ObjectId), not $ObjectId. Check both IDs; run with -Remove if that object no longer exists."
    }
    Write-Output "The service principal $AppId is already registered in Exchange."
}
elseif ($PSCmdlet.ShouldProcess($AppId, "Register the service principal in Exchange as $DisplayName")) {
    New-ServicePrincipal -AppId $AppId -ObjectId $ObjectId -DisplayName $DisplayName -ErrorAction Stop | Out-Null
    Write-Output "Registered the service principal $AppId in Exchange as '$DisplayName'."
    $principal = Get-ServicePrincipal -ErrorAction Stop | Where-Object { [string]$_.AppId -eq [string]$AppId }
    if (-not $principal) {
        throw 'Exchange does not list the service principal yet. Run this script again in a minute.'
    }
}

if (-not $group) {
    if ($PSCmdlet.ShouldProcess($RoleGroup, "Create a role group with $($roles -join ', ')")) {
        New-RoleGroup -Name $RoleGroup -Roles $roles -Description 'Lets Bookings Atlas read mailboxes and settings.' -ErrorAction Stop | Out-Null
        Write-Output "Created the role group '$RoleGroup' with $($roles -join ', ')."
    }
}
else {
    $assigned = @($group.Roles | ForEach-Object { ([string]$_ -split '/')[-1] })
    Write-Output "The role group '$RoleGroup' already exists."
    foreach ($role in $roles) {
        if ($role -in $assigned) {
            Write-Output "It already has the role $role."
        }
        elseif ($PSCmdlet.ShouldProcess($RoleGroup, "Assign the role $role to the role group")) {
            New-ManagementRoleAssignment -SecurityGroup $RoleGroup -Role $role -ErrorAction Stop | Out-Null
            Write-Output "Assigned the role $role to it."
        }
    }
    foreach ($role in $assigned) {
        if ($role -notin $roles) {
            Write-Warning "The role group '$RoleGroup' also has the role $role, which Bookings Atlas does not need. It was not changed."
        }
    }
}

if ($isMember) {
    Write-Output "The service principal is already in the role group '$RoleGroup'."
}
elseif ($PSCmdlet.ShouldProcess($RoleGroup, "Add $DisplayName to the role group")) {
    Add-RoleGroupMember -Identity $RoleGroup -Member $principal.Identity -BypassSecurityGroupManagerCheck -ErrorAction Stop
    Write-Output "Added the service principal to the role group '$RoleGroup'."
}

Write-Output 'Exchange takes from 30 minutes to some hours to apply the role. Until then it returns 403.'
