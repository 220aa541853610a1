// The alerts, and who receives them. The queries are in ../queries.
import { AlertThresholds, Tags } from 'types.bicep'

@description('Suffix of names, unique to this deployment.')
param token string

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('Resource ID of the workspace that the queries read.')
param workspaceId string

@description('Resource ID of the Application Insights component of the availability test.')
param applicationInsightsId string

@description('Email addresses that receive the alerts.')
param emails string[]

@description('URL of the health route.')
param healthUrl string

@description('Limits above which the alerts fire.')
param thresholds AlertThresholds

// A query returns rows if its alert should fire. It reads its limit as `threshold`.
var rules = [
  {
    name: 'no-scan'
    enabled: thresholds.hoursWithoutScan > 0
    title: 'No scan has finished'
    // Reads the logs instead of calling the app: the timer may have stopped while the routes still respond.
    description: 'No scan has finished for ${thresholds.hoursWithoutScan} hours. docs/runbook.md#alert-no-scan describes what to do.'
    severity: 1
    every: 'PT1H'
    over: 'P2D'
    threshold: thresholds.hoursWithoutScan
    query: loadTextContent('../queries/no-scan.kql')
  }
  {
    name: 'scan-failed'
    enabled: true
    title: 'The last scan failed'
    description: 'The last scan ended as failed. docs/runbook.md#alert-scan-failed describes what to do.'
    severity: 2
    every: 'PT15M'
    over: 'P2D'
    threshold: 0
    query: loadTextContent('../queries/scan-failed.kql')
  }
  {
    name: 'unknown'
    enabled: true
    title: 'Too many users are unknown'
    description: 'More than ${thresholds.unknownPercent} percent of the users are unknown after the last scan. docs/runbook.md#alert-unknown describes what to do.'
    severity: 2
    every: 'PT1H'
    over: 'P2D'
    threshold: thresholds.unknownPercent
    query: loadTextContent('../queries/unknown.kql')
  }
  {
    name: 'throttled'
    enabled: true
    title: 'Bookings throttles the scan'
    description: 'Bookings throttled more than ${thresholds.throttledPercent} percent of the last scan\'s probes. docs/runbook.md#alert-throttled describes what to do.'
    severity: 3
    every: 'PT1H'
    over: 'P2D'
    threshold: thresholds.throttledPercent
    query: loadTextContent('../queries/throttled.kql')
  }
  {
    name: 'failures'
    enabled: true
    title: 'Functions are failing'
    description: 'More than ${thresholds.failuresPerHour} steps, functions or requests failed within an hour. docs/runbook.md#alert-failures describes what to do.'
    severity: 2
    every: 'PT15M'
    over: 'PT1H'
    threshold: thresholds.failuresPerHour
    query: loadTextContent('../queries/failures.kql')
  }
  {
    name: 'daily-cap'
    enabled: true
    title: 'Logs are being lost'
    description: 'The workspace reached its daily cap and ingests no more logs until the cap resets, so the other alerts cannot fire. docs/runbook.md#alert-daily-cap describes what to do.'
    severity: 2
    every: 'PT1H'
    over: 'P1D'
    threshold: 0
    query: loadTextContent('../queries/daily-cap.kql')
  }
]

// Three locations, each four times per hour: enough for a route that is seldom called, and inexpensive.
var testLocations = ['emea-nl-ams-azr', 'us-va-ash-azr', 'apac-sg-sin-azr']

resource recipients 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-atlas-${token}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'atlas'
    emailReceivers: [
      for (email, i) in emails: {
        name: 'mail-${i}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource queryRules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: 'alert-atlas-${rule.name}-${token}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Bookings Atlas: ${rule.title}'
      description: rule.description
      severity: rule.severity
      enabled: rule.enabled
      scopes: [
        workspaceId
      ]
      evaluationFrequency: rule.every
      windowSize: rule.over
      criteria: {
        allOf: [
          {
            query: 'let threshold = ${rule.threshold};\n${rule.query}'
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      autoMitigate: true
      // On the first day a table may not exist in the workspace yet.
      skipQueryValidation: true
      actions: {
        actionGroups: [
          recipients.id
        ]
      }
    }
  }
]

resource healthTest 'Microsoft.Insights/webtests@2022-06-15' = {
  name: 'test-atlas-${token}'
  location: location
  // Application Insights finds its tests by this tag.
  tags: union(tags, { 'hidden-link:${applicationInsightsId}': 'Resource' })
  kind: 'standard'
  properties: {
    Name: 'Bookings Atlas health'
    SyntheticMonitorId: 'test-atlas-${token}'
    Kind: 'standard'
    Enabled: true
    Frequency: 900
    // A cold start is not an outage.
    Timeout: 120
    RetryEnabled: true
    Locations: [
      for testLocation in testLocations: {
        Id: testLocation
      }
    ]
    Request: {
      RequestUrl: healthUrl
      HttpVerb: 'GET'
      ParseDependentRequests: false
    }
    ValidationRules: {
      ExpectedHttpStatusCode: 200
      SSLCheck: true
      SSLCertRemainingLifetimeCheck: 7
    }
  }
}

resource unavailable 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'alert-atlas-availability-${token}'
  location: 'global'
  tags: tags
  properties: {
    description: 'The health route does not return 200 when called from two or more locations. docs/runbook.md#alert-availability describes what to do.'
    severity: 1
    enabled: true
    scopes: [
      healthTest.id
      applicationInsightsId
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT30M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: healthTest.id
      componentId: applicationInsightsId
      failedLocationCount: 2
    }
    autoMitigate: true
    actions: [
      {
        actionGroupId: recipients.id
      }
    ]
  }
}
