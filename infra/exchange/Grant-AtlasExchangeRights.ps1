<#
.SYNOPSIS
Lets Bookings Atlas read mailboxes and settings in Exchange Online, or takes that back.

.DESCRIPTION
Exchange Online answers an app only if the app's service principal has a role in Exchange, beside the application
permission Exchange.ManageAsApp in Microsoft Entra. This script

  1. makes the service principal known to Exchange,
  2. creates a role group that may only look,
  3. puts the service principal into it.

What is there already is left as it is and told, so the script may be run again. With -WhatIf it tells what it would do
and changes nothing. It needs the module ExchangeOnlineManagement, version 3 or newer, and a session of somebody in the
role group Organization Management. It reads and writes no secret.

A tenant whose Exchange was never customised refuses new role groups until Enable-OrganizationCustomization has run once.

.PARAMETER AppId
The application (client) id of the identity that Bookings Atlas signs in as.

.PARAMETER ObjectId
The object id of its service principal: the enterprise application, not the app registration.

.PARAMETER DisplayName
What the service principal is called in Exchange.

.PARAMETER RoleGroup
What the role group is called.

.PARAMETER IncludeAuditLogs
Also gives the role View-Only Audit Logs. Bookings Atlas does not need it today.

.PARAMETER Remove
Takes it all back: the membership, the role group if nobody else is in it, and Exchange's record of the service principal.

.EXAMPLE
Connect-ExchangeOnline
./Grant-AtlasExchangeRights.ps1 -AppId 5f8c5f8b-0c0f-4f5e-9d0c-3b1f6a0f2c11 -ObjectId 0b9e9d4c-4c1e-4a55-8a4e-6f1f5f5f2a10 -WhatIf

Tells what it would do.

.EXAMPLE
./Grant-AtlasExchangeRights.ps1 -AppId 5f8c5f8b-0c0f-4f5e-9d0c-3b1f6a0f2c11 -ObjectId 0b9e9d4c-4c1e-4a55-8a4e-6f1f5f5f2a10 -Remove

Takes the rights back.

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

# Exchange's commands live in a module, where $ErrorActionPreference does not reach: each is told -ErrorAction Stop.
$roles = @('View-Only Recipients', 'View-Only Configuration')
if ($IncludeAuditLogs) {
    $roles += 'View-Only Audit Logs'
}

if (-not (Get-Command -Name 'Get-ServicePrincipal' -ErrorAction SilentlyContinue)) {
    throw 'There is no session with Exchange Online. Run Connect-ExchangeOnline first, then this script again.'
}

# Everything is listed and then picked: asked for a name that does not exist, these commands may answer with everything.
$principal = Get-ServicePrincipal -ErrorAction Stop | Where-Object { [string]$_.AppId -eq [string]$AppId }
$group = Get-RoleGroup -ErrorAction Stop | Where-Object { $_.Name -eq $RoleGroup }
$members = @()
if ($group) {
    $members = @(Get-RoleGroupMember -Identity $RoleGroup -ResultSize Unlimited -ErrorAction Stop)
}
$marks = @()
if ($principal) {
    $marks = @($principal.Name, $principal.ObjectId, $principal.Guid) | ForEach-Object { [string]$_ } | Where-Object { $_ }
}
$isMember = $false
foreach ($member in $members) {
    foreach ($mark in @($member.Name, $member.Guid, $member.ExternalDirectoryObjectId)) {
        if ([string]$mark -in $marks) {
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
        Write-Output "The role group '$RoleGroup' stays: it has $others other members."
    }
    elseif ($PSCmdlet.ShouldProcess($RoleGroup, 'Remove the role group')) {
        Remove-RoleGroup -Identity $RoleGroup -BypassSecurityGroupManagerCheck -Confirm:$false -ErrorAction Stop
        Write-Output "Removed the role group '$RoleGroup'."
    }

    if (-not $principal) {
        Write-Output "Exchange does not know the service principal $AppId."
    }
    elseif ($PSCmdlet.ShouldProcess($AppId, 'Remove the service principal from Exchange')) {
        Remove-ServicePrincipal -Identity $principal.Identity -Confirm:$false -ErrorAction Stop
        Write-Output "Removed Exchange's record of the service principal $AppId. The one in Microsoft Entra is untouched."
    }
    return
}

if ($principal) {
    if ([string]$principal.ObjectId -ne [string]$ObjectId) {
        throw "Exchange knows $AppId with the object id $($principal.ObjectId), not $ObjectId. Check both ids; run with -Remove if that one is gone."
    }
    Write-Output "Exchange already knows the service principal $AppId."
}
elseif ($PSCmdlet.ShouldProcess($AppId, "Make the service principal known to Exchange as $DisplayName")) {
    New-ServicePrincipal -AppId $AppId -ObjectId $ObjectId -DisplayName $DisplayName -ErrorAction Stop | Out-Null
    Write-Output "Made the service principal $AppId known to Exchange as '$DisplayName'."
    $principal = Get-ServicePrincipal -ErrorAction Stop | Where-Object { [string]$_.AppId -eq [string]$AppId }
    if (-not $principal) {
        throw 'Exchange does not show the service principal yet. Run this script again in a minute.'
    }
}

if (-not $group) {
    if ($PSCmdlet.ShouldProcess($RoleGroup, "Create a role group with $($roles -join ', ')")) {
        New-RoleGroup -Name $RoleGroup -Roles $roles -Description 'Lets Bookings Atlas read mailboxes and settings.' -ErrorAction Stop | Out-Null
        Write-Output "Created the role group '$RoleGroup' with $($roles -join ', ')."
    }
}
else {
    $given = @($group.Roles | ForEach-Object { ([string]$_ -split '/')[-1] })
    Write-Output "The role group '$RoleGroup' is already there."
    foreach ($role in $roles) {
        if ($role -in $given) {
            Write-Output "It already has the role $role."
        }
        elseif ($PSCmdlet.ShouldProcess($RoleGroup, "Give the role group the role $role")) {
            New-ManagementRoleAssignment -SecurityGroup $RoleGroup -Role $role -ErrorAction Stop | Out-Null
            Write-Output "Gave it the role $role."
        }
    }
    foreach ($role in $given) {
        if ($role -notin $roles) {
            Write-Warning "The role group '$RoleGroup' also has the role $role, which Bookings Atlas does not need. It was left."
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

Write-Output 'Exchange needs from 30 minutes to some hours until the rights work. Until then it answers 403.'
